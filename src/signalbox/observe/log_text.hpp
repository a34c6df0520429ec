#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// How texts stand in a line of the log that is for people, and how much of one stands in any line.
namespace signalbox::observe {

/// Whether there is something in it that a terminal may obey, or that looks like the end of a value
/// or like nothing at all: any character of Unicode but letters, numbers, punctuation, symbols, and
/// the space of ASCII.
bool has_hidden(std::string_view text);

/// In quotes and with escapes as JSON; what has_hidden() looks for is escaped as well.
void append_quoted(std::string& line, std::string_view text);

/// Quoted where it would be misread without.
void append_plain(std::string& line, std::string_view text);

/// The text, cut with a mark so that in quotes, escaped in any way, it is no longer than `limit`
/// bytes; `cut` is where such a text then stands. So many bytes behind it were left out before.
std::string_view shortened(std::string_view text, std::size_t limit, std::string& cut,
                           std::size_t left_out = 0);

}  // namespace signalbox::observe
