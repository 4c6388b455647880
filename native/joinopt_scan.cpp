// See joinopt_scan.h and mlsys4sys/joinopt/light.py, which says what is done with the tokens.
#include "joinopt_scan.h"

namespace joinopt {

namespace {

bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Where what is neither a blank nor in a comment to the line's end goes on.
std::size_t skipped(std::string_view sql, std::size_t at) {
    for (; at < sql.size(); ++at) {
        if (sql.substr(at, 2) == "--")
            while (at < sql.size() && sql[at] != '\n') ++at;
        if (at >= sql.size() || !blank(sql[at])) break;
    }
    return at;
}

// The end of a word, and the word in small letters.
std::size_t worded(std::string_view sql, std::size_t at, std::string &word) {
    for (; at < sql.size() && (letter(sql[at]) || digit(sql[at])); ++at)
        word.push_back(sql[at] >= 'A' && sql[at] <= 'Z' ? static_cast<char>(sql[at] + 32) : sql[at]);
    return at;
}

// The end of what is in quotes (twice a quote stands for one), or npos.
std::size_t quoted(std::string_view sql, std::size_t at, std::string &inside) {
    const char quote = sql[at++];
    while (at < sql.size()) {
        if (sql[at] == quote && (at + 1 >= sql.size() || sql[at + 1] != quote)) return at + 1;
        at += sql[at] == quote;
        inside.push_back(sql[at++]);
    }
    return std::string_view::npos;
}

std::size_t number(std::string_view sql, std::size_t at) {
    while (at < sql.size() && digit(sql[at])) ++at;
    if (at < sql.size() && sql[at] == '.') {
        ++at;
        while (at < sql.size() && digit(sql[at])) ++at;
    }
    if (at < sql.size() && (sql[at] == 'e' || sql[at] == 'E')) {
        std::size_t power = at + 1;
        if (power < sql.size() && (sql[power] == '+' || sql[power] == '-')) ++power;
        if (power < sql.size() && digit(sql[power]))
            for (at = power; at < sql.size() && digit(sql[at]);) ++at;
    }
    return at;
}

// Signs of two characters; those that mean something that is not plain are refused.
std::size_t sign_length(std::string_view sql, std::size_t at) {
    const std::string_view two = sql.substr(at, 2);
    for (std::string_view known : {"<=", ">=", "<>", "!=", "||"})
        if (two == known) return 2;
    for (std::string_view strange : {"/*", "->", "==", "**", "//"})
        if (two == strange) return 0;
    return std::string_view("-+*/%(),.=<>;").find(sql[at]) == std::string_view::npos ? 0 : 1;
}

}  // namespace

Scanned scan(std::string_view sql) {
    Scanned found;
    for (std::size_t at = skipped(sql, 0); at < sql.size(); at = skipped(sql, at)) {
        const char c = sql[at];
        if (letter(c)) {
            std::string word;
            const std::size_t end = worded(sql, at, word);
            found.tokens.push_back({Kind::word, std::move(word), at, end});
            at = end;
        } else if (c == '\'' || c == '"') {
            std::string inside;
            const std::size_t end = quoted(sql, at, inside);
            if (end == std::string_view::npos || (c == '"' && inside.empty())) return {{}, false};
            found.tokens.push_back({c == '"' ? Kind::name : Kind::text, std::move(inside), at, end});
            at = end;
        } else {
            const std::size_t end = digit(c) ? number(sql, at) : at + sign_length(sql, at);
            if (end == at) return {{}, false};
            found.tokens.push_back({digit(c) ? Kind::number : Kind::sign, std::string(sql.substr(at, end - at)), at, end});
            at = end;
        }
    }
    return found;
}

bool reads_only(std::string_view sql) {
    bool first = true, ended = false;
    for (std::size_t at = skipped(sql, 0); at < sql.size(); at = skipped(sql, at)) {
        const char c = sql[at];
        if (ended) {
            return false;  // something follows the semicolon
        } else if (c == ';') {
            ended = true;
            ++at;
        } else if (c == '\'' || c == '"') {
            std::string inside;
            at = quoted(sql, at, inside);
            if (at == std::string_view::npos || first) return false;
        } else if (letter(c)) {
            std::string word;
            // A letter before a quotation mark changes what the text in it means.
            at = worded(sql, at, word);
            if (at < sql.size() && sql[at] == '\'') return false;
            if (first && word != "select" && word != "with") return false;
            for (const char *writes : {"insert", "update", "delete", "merge", "into"})
                if (word == writes) return false;
            first = false;
        } else {
            // Parameters, comments in the C way, dollar quotes, and what is not ASCII.
            const bool comment = c == '/' && at + 1 < sql.size() && sql[at + 1] == '*';
            const bool odd = std::string_view("?$@#").find(c) != std::string_view::npos || static_cast<unsigned char>(c) > 127;
            if (first || comment || odd) return false;
            ++at;
        }
    }
    return !first;
}

}  // namespace joinopt
