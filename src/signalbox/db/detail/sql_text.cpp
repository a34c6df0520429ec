#include "signalbox/db/detail/sql_text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "signalbox/ascii.hpp"

namespace signalbox::db {
namespace {

bool is_space(char c) {
    return std::string_view{" \t\n\r\f\v"}.find(c) != std::string_view::npos;
}
/// Bytes of UTF-8 beyond ASCII are letters.
bool starts_name(char c) {
    return is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool continues_name(char c) {
    return starts_name(c) || is_digit(c) || c == '$';
}

class Splitter {
  public:
    explicit Splitter(std::string_view text) : text_(text) {}

    std::vector<SqlStatement> split() {
        while (at_ < text_.size())
            step();
        end_statement(text_.size());
        return std::move(statements_);
    }

  private:
    void step() {
        const char c = text_[at_];
        if (is_space(c)) {
            ++at_;
        } else if (starts_with("--")) {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (starts_with("/*")) {
            skip_comment();
        } else if (c == ';' && body_ == 0 && parentheses_ == 0) {
            end_statement(at_++);
        } else {
            begin_statement();
            token(c);
        }
    }

    void token(char c) {
        if (starts_name(c)) {
            word();
        } else if (c == '\'' || c == '"') {
            skip_quoted(c, false);
        } else if (c == '$' && skip_dollar_quoted()) {
        } else if (is_digit(c) || c == '$') {
            // Whole, so that nothing of 1e5 or $1 is a name.
            do
                ++at_;
            while (at_ < text_.size() && continues_name(text_[at_]));
        } else {
            if (c == '(') ++parentheses_;
            if (c == ')' && parentheses_ > 0) --parentheses_;
            ++at_;
        }
    }

    bool starts_with(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    void skip_comment() {
        std::size_t depth = 0;
        do {
            if (starts_with("/*")) {
                ++depth;
                at_ += 2;
            } else if (starts_with("*/")) {
                --depth;
                at_ += 2;
            } else {
                ++at_;
            }
        } while (depth > 0 && at_ < text_.size());
    }

    /// A doubled quote ends one piece and begins the next, which is the same here.
    void skip_quoted(char quote, bool with_escapes) {
        for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (with_escapes && text_[at_] == '\\') ++at_;
        }
        at_ = std::min(at_ + 1, text_.size());
        // The second half of '' in E'…' has escapes as well.
        if (with_escapes && at_ < text_.size() && text_[at_] == quote) skip_quoted(quote, true);
    }

    bool skip_dollar_quoted() {
        auto end = at_ + 1;
        if (end < text_.size() && starts_name(text_[end])) {
            while (end < text_.size() && continues_name(text_[end]) && text_[end] != '$')
                ++end;
        }
        if (end >= text_.size() || text_[end] != '$') return false;
        const auto tag = text_.substr(at_, end + 1 - at_);
        const auto close = text_.find(tag, end + 1);
        at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
        return true;
    }

    void word() {
        std::string word;
        for (; at_ < text_.size() && continues_name(text_[at_]); ++at_)
            word += to_upper(text_[at_]);
        if (word == "E" && at_ < text_.size() && text_[at_] == '\'') return skip_quoted('\'', true);
        auto& words = statements_.back().words;
        if (word == "ATOMIC" && body_ == 0 && !words.empty() && words.back() == "BEGIN") {
            body_ = 1;
        } else if (body_ > 0 && word == "CASE") {
            ++body_;
        } else if (body_ > 0 && word == "END") {
            --body_;
        }
        words.push_back(std::move(word));
    }

    void begin_statement() {
        if (std::exchange(in_statement_, true)) return;
        statements_.push_back({.offset = at_, .end = at_, .words = {}});
    }
    void end_statement(std::size_t end) {
        if (in_statement_) statements_.back().end = end;
        in_statement_ = false;
        body_ = 0;
        parentheses_ = 0;
    }

    const std::string_view text_;
    std::size_t at_ = 0;
    bool in_statement_ = false;
    std::size_t body_ = 0;         ///< of a function in SQL: what has to END
    std::size_t parentheses_ = 0;  ///< of CREATE RULE, which hold statements
    std::vector<SqlStatement> statements_;
};

}  // namespace

std::vector<SqlStatement> split_sql(std::string_view text) {
    return Splitter{text}.split();
}

bool needs_no_transaction(const SqlStatement& statement) {
    const auto& words = statement.words;
    const auto is = [&](std::size_t place, std::string_view word) {
        return place < words.size() && words[place] == word;
    };
    const auto has = [&](std::string_view word) { return std::ranges::count(words, word) > 0; };
    if (is(0, "VACUUM")) return true;
    if (is(0, "CREATE")) {
        return is(1, "DATABASE") || is(1, "TABLESPACE") ||
               (is(1, "INDEX") && is(2, "CONCURRENTLY")) ||
               (is(1, "UNIQUE") && is(2, "INDEX") && is(3, "CONCURRENTLY"));
    }
    if (is(0, "DROP")) {
        return is(1, "DATABASE") || is(1, "TABLESPACE") ||
               (is(1, "INDEX") && is(2, "CONCURRENTLY"));
    }
    if (is(0, "REINDEX")) {
        return has("CONCURRENTLY") || has("SCHEMA") || has("DATABASE") || has("SYSTEM");
    }
    if (is(0, "ALTER")) {
        return is(1, "SYSTEM") || (is(1, "TABLE") && has("DETACH") && has("CONCURRENTLY"));
    }
    return false;
}

std::optional<std::string_view> plain_query(std::string_view text) {
    const auto statements = split_sql(text);
    if (statements.size() != 1 || statements.front().words.empty()) return std::nullopt;
    const SqlStatement& statement = statements.front();
    const auto is_first = [&](std::string_view word) { return statement.words.front() == word; };
    if (!is_first("SELECT") && !is_first("VALUES") && !is_first("TABLE") && !is_first("WITH"))
        return std::nullopt;
    // SELECT INTO, FOR UPDATE, and what WITH can have that writes.
    constexpr std::string_view others[]{"INTO", "INSERT", "UPDATE", "DELETE", "MERGE"};
    const bool is_plain = std::ranges::none_of(statement.words, [&](const std::string& word) {
        return std::ranges::find(others, word) != std::end(others);
    });
    if (!is_plain) return std::nullopt;
    return text.substr(statement.offset, statement.end - statement.offset);
}

}  // namespace signalbox::db
