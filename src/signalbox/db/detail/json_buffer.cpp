#include "signalbox/db/detail/json_buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "signalbox/fast/json_string.hpp"

namespace signalbox::db {

/// Memory that grows by moving its pages, which mremap(2) does in the kernel's tables.
class JsonBuffer::Pages {
  public:
    Pages() = default;
    ~Pages() {
        if (memory_ != nullptr) ::munmap(memory_, capacity_);
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;

    void append(std::string_view text) {
        const std::size_t needed = size_ + text.size();
        if (needed > capacity_) reserve(needed + std::max(needed / 8, piece));
        std::memcpy(memory_ + size_, text.data(), text.size());
        size_ = needed;
    }

    std::string_view finish() {
        reserve(size_);
        view_ = {memory_, size_};
        return view_;
    }
    const std::string_view& view() const noexcept { return view_; }

  private:
    void reserve(std::size_t bytes) {
        constexpr std::size_t page = 4096;
        bytes = (bytes + page - 1) / page * page;
        void* const moved = memory_ == nullptr ? map(bytes) : move(bytes);
        if (moved == MAP_FAILED) throw std::bad_alloc();
        memory_ = static_cast<char*>(moved);
        capacity_ = bytes;
    }
    static void* map(std::size_t bytes) {
        return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    void* move(std::size_t bytes) {
#ifdef __SANITIZE_THREAD__
        // ThreadSanitizer knows mmap(2) only: without it the pages would have the history of
        // whatever another thread has had at their new address.
        void* const place = map(bytes);
        if (place == MAP_FAILED) return place;
        return ::mremap(memory_, capacity_, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place);
#else
        return ::mremap(memory_, capacity_, bytes, MREMAP_MAYMOVE);
#endif
    }

    char* memory_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::string_view view_{};
};

void JsonBuffer::keep_text() {
    if (!pages_) pages_ = std::make_shared<Pages>();
    pages_->append(text_);
    // A part that was much longer than a piece does not hold its memory for the others.
    if (text_.capacity() > 4 * piece) std::string().swap(text_);
    text_.clear();
}

void JsonBuffer::expect(std::size_t times) {
    const std::size_t size = text_.size();
    if (size >= piece || pages_) return;
    text_.reserve(times > piece / (size + 1) ? piece : size * times);
}

template <class Append>
void JsonBuffer::append_in_pieces(std::string_view text, Append append) {
    while (!text.empty()) {
        // Between two characters of UTF-8, also where some are broken: never before a byte that
        // continues one.
        std::size_t end = std::min(piece, text.size());
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
            ++end;
        append(text.substr(0, end));
        text.remove_prefix(end);
        keep();
    }
}

void JsonBuffer::append_long_string(std::string_view text) {
    text_ += '"';
    append_in_pieces(text, [this](std::string_view part) {
        const std::size_t begin = text_.size();
        append_json_string(text_, part);
        text_.pop_back();
        text_.erase(begin, 1);
    });
    text_ += '"';
}

void JsonBuffer::append_long_json(std::string_view text) {
    append_in_pieces(text, [this](std::string_view part) { append_utf8(text_, part); });
}

JsonText JsonBuffer::finish() {
    if (!pages_) {
        // A guess of its length may have been wrong.
        if (text_.capacity() / 2 > text_.size()) text_.shrink_to_fit();
        return JsonText(std::move(text_));
    }
    keep_text();
    std::string().swap(text_);
    pages_->finish();
    const auto pages = std::move(pages_);
    return JsonText(std::shared_ptr<const std::string_view>(pages, &pages->view()));
}

}  // namespace signalbox::db
