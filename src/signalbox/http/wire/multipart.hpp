#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/http/form_limits.hpp"

namespace signalbox::http {

/// A header's value with parameters: `form-data; name="a"; filename="b.txt"` (RFC 2045, section
/// 5.1; RFC 2231). Read as Python's email package does, which Starlette uses.
struct HeaderWithParameters {
    std::string value;  ///< `form-data`, in lower case
    /// Names in lower case; values without quotes and escapes, bytes as they were sent. Of
    /// `filename*=UTF-8''%e2%82%ac` the name is `filename`, and the value what the escapes are.
    std::vector<std::pair<std::string, std::string>> parameters;

    /// The last one of this name: `name*` stands behind `name`, wherever it was sent.
    const std::string* find(std::string_view name) const;
};
HeaderWithParameters parse_header_with_parameters(std::string_view text);

/// Whether it may delimit parts (RFC 2046, section 5.1.1).
bool is_boundary(std::string_view text);

/// What stands before a part's content.
struct PartHead {
    std::string name;                     ///< bytes, in the form's charset
    std::optional<std::string> filename;  ///< the same; empty where a browser had none chosen
    /// All of them, with names in lower case; values are bytes.
    std::vector<std::pair<std::string, std::string>> headers;

    bool is_file() const noexcept { return filename.has_value(); }
};

/// Is told what a MultipartParser finds, in its order.
class PartReceiver {
  public:
    virtual ~PartReceiver() = default;
    /// The part's content begins at this byte of the body.
    virtual void on_part(PartHead head, std::uint64_t offset) = 0;
    /// More of the content of a part that is no file. The view is valid during the call.
    virtual void on_text(std::string_view bytes) = 0;
    /// The part has ended before this byte of the body.
    virtual void on_part_end(std::uint64_t offset) = 0;
};

/// Finds the parts of a multipart/form-data body (RFC 7578; RFC 2046, section 5.1), however it is
/// cut. Strict where a body could be read in two ways: there is no preamble, lines end with CRLF,
/// nothing stands behind a boundary on its line, and the last boundary has to come. What is behind
/// that is ignored. Content-Transfer-Encoding is too (RFC 7578, section 4.7), and a part that is
/// multipart itself is text (section 4.3).
///
/// No packaged library does this: Pistache and asio have none, and others bring a server along.
///
/// Threads: one at a time. Memory: none that grows.
class MultipartParser {
  public:
    /// `boundary` is_boundary. `receiver` outlives it.
    MultipartParser(std::string_view boundary, const FormLimits& limits, PartReceiver& receiver);

    /// Looks at the next bytes, and returns how many it is done with: the others come again, in
    /// front of those that follow. Given twice as many bytes as a part's head may have, it is done
    /// with some.
    std::size_t feed(std::string_view bytes);
    /// Nothing more comes.
    void end();

    /// Why it is no such body, for the client. Nothing is found any more then. Empty: it is one.
    const std::string& fault() const noexcept { return fault_; }

  private:
    enum class State { start, behind_boundary, head, content, epilogue, failed };
    struct Step {
        std::size_t used = 0;
        bool again = false;
    };

    Step step(std::string_view bytes);
    Step start(std::string_view bytes);
    Step behind_boundary(std::string_view bytes);
    Step head(std::string_view bytes);
    Step content(std::string_view bytes);
    std::optional<PartHead> read_head(std::string_view lines);
    Step fail(const std::string& why);
    std::nullopt_t refuse(std::string why);
    bool take_content(std::string_view bytes);

    const std::string delimiter_;  ///< `\r\n--boundary`
    const FormLimits limits_;
    PartReceiver& receiver_;
    State state_ = State::start;
    std::string fault_;
    std::uint64_t offset_ = 0;  ///< in the body, of what is fed next
    bool begun_ = false;        ///< there were bytes
    std::size_t files_ = 0;
    std::size_t fields_ = 0;
    std::size_t searched_ = 0;  ///< of an incomplete head
    bool in_file_ = false;
    std::size_t text_size_ = 0;   ///< of this part
    std::size_t texts_size_ = 0;  ///< of all
};

}  // namespace signalbox::http
