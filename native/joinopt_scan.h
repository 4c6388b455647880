// The tokens of a plain SQL text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace joinopt {

enum class Kind { word, name, text, number, sign };

struct Token {
    Kind kind;
    std::string text;  // lower-cased words; names and texts without their quotes
    std::size_t start, end;
};

// Empty and `plain` false when the text holds anything but plain tokens (and signs of one or two characters).
struct Scanned {
    std::vector<Token> tokens;
    bool plain = true;
};

Scanned scan(std::string_view sql);

// Whether a text is certainly no more than one statement, one that begins like a query, without parameters and without a
// word that writes. It may still be no SQL at all.
bool reads_only(std::string_view sql);

}  // namespace joinopt
