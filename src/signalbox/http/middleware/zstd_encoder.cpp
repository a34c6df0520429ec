#include <zstd.h>
#include <zstd_errors.h>

#include <cstddef>
#include <new>
#include <stdexcept>

#include "signalbox/http/middleware/encoder.hpp"

namespace signalbox::http {

namespace {

/// Of what comes in pieces, of which there can be as many as there are clients: 64 KiB of text to
/// look back at, and tables of 128 and 64 KiB to find things in it.
constexpr int window_of_pieces = 16;
constexpr int hashes_of_pieces = 15;
constexpr int chains_of_pieces = 14;

class ZstdEncoder final : public Encoder {
  public:
    ZstdEncoder(int level, bool in_pieces) : context_(ZSTD_createCCtx()) {
        if (!context_) throw std::bad_alloc();
        check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level));
        if (!in_pieces) return;
        check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, window_of_pieces));
        check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_hashLog, hashes_of_pieces));
        check(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_chainLog, chains_of_pieces));
    }

    std::string piece(std::string_view bytes) override { return encode(bytes, ZSTD_e_flush); }
    std::string last(std::string_view bytes) override { return encode(bytes, ZSTD_e_end); }
    std::optional<std::size_t> whole(std::string_view bytes, std::span<char> room) override {
        ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
        ZSTD_outBuffer out{room.data(), room.size(), 0};
        while (check(ZSTD_compressStream2(context_.get(), &out, &in, ZSTD_e_end)) != 0) {
            if (out.pos == out.size) return std::nullopt;
        }
        return out.pos;
    }
    std::size_t memory_size() const noexcept override { return ZSTD_sizeof_CCtx(context_.get()); }

  private:
    struct Free {
        void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
    };

    /// Of its errors only that of memory can occur.
    static std::size_t check(std::size_t result) {
        if (ZSTD_isError(result) == 0) return result;
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
        throw std::runtime_error(ZSTD_getErrorName(result));
    }

    std::string encode(std::string_view bytes, ZSTD_EndDirective end) {
        std::string output(128 + bytes.size() / 4, '\0');
        ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
        ZSTD_outBuffer out{output.data(), output.size(), 0};
        while (check(ZSTD_compressStream2(context_.get(), &out, &in, end)) != 0) {
            if (out.pos < out.size) continue;
            output.resize(output.size() + ZSTD_compressBound(bytes.size()));
            out.dst = output.data();
            out.size = output.size();
        }
        output.resize(out.pos);
        return output;
    }

    const std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

std::unique_ptr<Encoder> zstd_encoder(int level, bool in_pieces) {
    return std::make_unique<ZstdEncoder>(level, in_pieces);
}

}  // namespace signalbox::http
