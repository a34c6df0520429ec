#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::db {

/// A statement of a text that holds several.
struct SqlStatement {
    std::size_t offset;              ///< of its first word in the text, in bytes
    std::size_t end;                 ///< of its semicolon, or of the text
    std::vector<std::string> words;  ///< keywords and unquoted names, in capitals
};

/// The statements of a text, as PostgreSQL's lexer tells them apart: quotes of each kind, comments
/// and the bodies of functions are looked into by nobody (PostgreSQL's manual, section 4.1, and
/// `BEGIN ATOMIC` of CREATE FUNCTION). Empty ones are left out. Backslashes are taken for what
/// standard_conforming_strings, which is on unless somebody turned it off, makes of them.
std::vector<SqlStatement> split_sql(std::string_view text);

/// Whether it is one of those that PostgreSQL refuses in a transaction, as far as can be seen
/// without a database: CREATE INDEX CONCURRENTLY, VACUUM and their kind.
bool needs_no_transaction(const SqlStatement& statement);

/// The statement as it can stand in parentheses, or behind DECLARE … CURSOR FOR: without the
/// semicolon. Nothing unless the text is one plain query, SELECT, VALUES, TABLE or WITH. It may end
/// in a comment, so a line has to end behind it.
std::optional<std::string_view> plain_query(std::string_view text);

}  // namespace signalbox::db
