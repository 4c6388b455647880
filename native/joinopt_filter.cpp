// See joinopt_filter.h; the twin in tests is DuckDB itself.
#include "joinopt_filter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace joinopt {

namespace {

template <class Test>
Truths over_numbers(const FilterColumn &column, const Test &test) {
    Truths found(column.numbers.size());
    for (std::size_t i = 0; i < found.size(); ++i)
        found[i] = std::isnan(column.numbers[i]) ? UNKNOWN : static_cast<std::uint8_t>(test(column.numbers[i]));
    return found;
}

// Each different text is looked at once.
template <class Test>
Truths over_texts(const FilterColumn &column, const Test &test) {
    std::vector<std::uint8_t> verdicts(column.texts.size() + 1, UNKNOWN);  // the last is for NULL
    for (std::size_t i = 0; i < column.texts.size(); ++i) verdicts[i] = test(column.texts[i]);
    Truths found(column.codes.size());
    const auto last = static_cast<std::int32_t>(column.texts.size());
    for (std::size_t i = 0; i < found.size(); ++i) found[i] = verdicts[column.codes[i] < 0 ? last : column.codes[i]];
    return found;
}

template <class Value>
bool holds(Sign sign, const Value &left, const Value &right) {
    switch (sign) {
        case Sign::equal: return left == right;
        case Sign::other: return left != right;
        case Sign::less: return left < right;
        case Sign::at_most: return left <= right;
        case Sign::more: return left > right;
        case Sign::at_least: return left >= right;
    }
    return false;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::size_t character(std::string_view text, std::size_t at) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    return end;
}

constexpr std::size_t NOWHERE = std::string_view::npos;

// Where a piece that begins at `at` ends, or NOWHERE.
std::size_t match_here(std::string_view text, std::size_t at, std::string_view piece) {
    for (char wanted : piece) {
        if (at >= text.size()) return NOWHERE;
        if (wanted == '_') {
            at = character(text, at);
        } else if (text[at++] != wanted) {
            return NOWHERE;
        }
    }
    return at;
}

std::size_t find_piece(std::string_view text, std::size_t at, std::string_view piece) {
    if (piece.find('_') == NOWHERE) {
        const void *hit = at <= text.size() ? memmem(text.data() + at, text.size() - at, piece.data(), piece.size()) : nullptr;
        return hit ? static_cast<const char *>(hit) - text.data() + piece.size() : NOWHERE;
    }
    for (; at <= text.size(); ++at) {
        const std::size_t end = match_here(text, at, piece);
        if (end != NOWHERE) return end;
    }
    return NOWHERE;
}

}  // namespace

LikePattern::LikePattern(std::string_view pattern, bool any_case) : pieces_(1), any_case_(any_case) {
    for (char c : pattern) {
        if (c == '%') {
            pieces_.emplace_back();
        } else {
            pieces_.back().push_back(any_case ? lower(c) : c);
        }
    }
}

bool LikePattern::matches(std::string_view text) const {
    std::string lowered;
    if (any_case_) {
        lowered.assign(text);
        std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
        text = lowered;
    }
    std::size_t at = match_here(text, 0, pieces_.front());
    if (at == NOWHERE) return false;
    if (pieces_.size() == 1) return at == text.size();
    for (std::size_t p = 1; p + 1 < pieces_.size(); ++p) {
        at = find_piece(text, at, pieces_[p]);
        if (at == NOWHERE) return false;
    }
    const std::string &last = pieces_.back();
    if (last.find('_') == std::string::npos)
        return text.size() >= at + last.size() && text.substr(text.size() - last.size()) == last;
    for (; at <= text.size(); ++at)
        if (match_here(text, at, last) == text.size()) return true;
    return false;
}

Truths compare(const FilterColumn &column, Sign sign, double value) {
    return over_numbers(column, [&](double own) { return holds(sign, own, value); });
}

Truths compare(const FilterColumn &column, Sign sign, const std::string &value) {
    return over_texts(column, [&](const std::string &own) { return holds(sign, own, value); });
}

Truths among(const FilterColumn &column, const std::vector<double> &values, bool negated) {
    return over_numbers(column, [&](double own) {
        return (std::find(values.begin(), values.end(), own) != values.end()) != negated;
    });
}

Truths among(const FilterColumn &column, const std::vector<std::string> &values, bool negated) {
    return over_texts(column, [&](const std::string &own) {
        return (std::find(values.begin(), values.end(), own) != values.end()) != negated;
    });
}

Truths like(const FilterColumn &column, const std::string &pattern, bool negated, bool any_case) {
    const LikePattern wanted(pattern, any_case);
    return over_texts(column, [&](const std::string &own) { return wanted.matches(own) != negated; });
}

Truths is_null(const FilterColumn &column, bool negated) {
    Truths found(column.is_text ? column.codes.size() : column.numbers.size());
    for (std::size_t i = 0; i < found.size(); ++i)
        found[i] = (column.is_text ? column.codes[i] < 0 : std::isnan(column.numbers[i])) != negated;
    return found;
}

void both(Truths &into, const Truths &other) {
    for (std::size_t i = 0; i < into.size(); ++i)
        into[i] = into[i] == NO || other[i] == NO ? NO : std::max(into[i], other[i]);
}

void either(Truths &into, const Truths &other) {
    for (std::size_t i = 0; i < into.size(); ++i)
        into[i] = into[i] == YES || other[i] == YES ? YES : std::max(into[i], other[i]);
}

void negate(Truths &truths) {
    for (std::uint8_t &truth : truths) truth = truth == UNKNOWN ? UNKNOWN : 1 - truth;
}

}  // namespace joinopt
