// See joinopt_filter.h; the twin in tests is DuckDB itself.
#include "joinopt_filter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace joinopt {

namespace {

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

// One of 64 bits for two letters that stand together.
std::uint64_t pair_bit(char first, char second) {
    const auto a = static_cast<unsigned char>(lower(first)), b = static_cast<unsigned char>(lower(second));
    return std::uint64_t(1) << ((a * 31u + b * 7u + (a >> 3)) & 63u);
}

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
    for (const std::string &piece : pieces_)
        for (std::size_t i = 1; i < piece.size(); ++i)
            if (piece[i - 1] != '_' && piece[i] != '_') needed_ |= pair_bit(piece[i - 1], piece[i]);
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

void FilterColumn::sort_texts() {
    std::vector<std::int32_t> order(texts.size()), place(texts.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return texts[a] < texts[b]; });
    std::vector<std::string> sorted(texts.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        place[order[i]] = static_cast<std::int32_t>(i);
        sorted[i] = std::move(texts[order[i]]);
    }
    texts = std::move(sorted);
    for (std::int32_t &code : codes)
        if (code >= 0) code = place[code];
    signatures.assign(texts.size(), 0);
    for (std::size_t i = 0; i < texts.size(); ++i)
        for (std::size_t at = 1; at < texts[i].size(); ++at) signatures[i] |= pair_bit(texts[i][at - 1], texts[i][at]);
}

namespace {

// Evaluates filters on some rows.
class Evaluator {
public:
    explicit Evaluator(const std::vector<FilterColumn> &columns) : columns_(columns) {}

    Truths run(const Filter &filter, const Positions &rows) const {
        using What = Filter::What;
        switch (filter.what) {
            case What::all:
            case What::any: {
                Truths found = run(filter.parts.at(0), rows);
                for (std::size_t i = 1; i < filter.parts.size(); ++i)
                    merge(found, run(filter.parts[i], rows), filter.what == What::all ? NO : YES);
                return found;
            }
            case What::negation: {
                Truths found = run(filter.parts.at(0), rows);
                for (std::uint8_t &truth : found) truth = truth == UNKNOWN ? std::uint8_t(UNKNOWN) : std::uint8_t(1 - truth);
                return found;
            }
            case What::null: return nulls(filter, rows);
            case What::number:
            case What::numbers: return numbers(filter, rows);
            default: return texts(filter, rows);
        }
    }

    // About what a row costs: filters are tried cheapest first.
    static int price(const Filter &filter) {
        int total = 0;
        for (const Filter &part : filter.parts) total += price(part);
        return total + (filter.what == Filter::What::like ? 20 : filter.what == Filter::What::numbers ? 2 : 1);
    }

private:
    static void merge(Truths &into, const Truths &other, std::uint8_t decides) {
        for (std::size_t i = 0; i < into.size(); ++i)
            into[i] = into[i] == decides || other[i] == decides ? decides : std::max(into[i], other[i]);
    }

    Truths nulls(const Filter &filter, const Positions &rows) const {
        const FilterColumn &column = columns_.at(filter.column);
        Truths found(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i)
            found[i] = (column.is_text ? column.codes[rows[i]] < 0 : std::isnan(column.numbers[rows[i]])) != filter.negated;
        return found;
    }

    template <class Test>
    static Truths over_numbers(const FilterColumn &column, const Positions &rows, const Test &test) {
        Truths found(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const double own = column.numbers[rows[i]];
            found[i] = std::isnan(own) ? std::uint8_t(UNKNOWN) : std::uint8_t(test(own));
        }
        return found;
    }

    Truths numbers(const Filter &filter, const Positions &rows) const {
        const FilterColumn &column = columns_.at(filter.column);
        const double value = filter.values.at(0);
        if (filter.what == Filter::What::numbers)
            return over_numbers(column, rows, [&](double own) {
                return (std::find(filter.values.begin(), filter.values.end(), own) != filter.values.end()) != filter.negated;
            });
        switch (filter.sign) {  // outside of the loop
            case Sign::equal: return over_numbers(column, rows, [=](double own) { return own == value; });
            case Sign::more: return over_numbers(column, rows, [=](double own) { return own > value; });
            default: return over_numbers(column, rows, [&](double own) { return holds(filter.sign, own, value); });
        }
    }

    template <class Test>
    static Truths over_codes(const FilterColumn &column, const Positions &rows, const Test &test) {
        Truths found(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::int32_t code = column.codes[rows[i]];
            found[i] = code < 0 ? std::uint8_t(UNKNOWN) : std::uint8_t(test(code));
        }
        return found;
    }

    // As texts are sorted, a comparison is one of places.
    Truths texts(const Filter &filter, const Positions &rows) const {
        const FilterColumn &column = columns_.at(filter.column);
        const auto place = [&](const std::string &text) {
            return static_cast<std::int32_t>(std::lower_bound(column.texts.begin(), column.texts.end(), text) - column.texts.begin());
        };
        const auto after = [&](const std::string &text) {
            const std::int32_t at = place(text);
            return at + (at < static_cast<std::int32_t>(column.texts.size()) && column.texts[at] == text);
        };
        if (filter.what == Filter::What::like) return like(column, filter, rows, place);
        if (filter.what == Filter::What::texts) {
            std::vector<std::int32_t> wanted;
            for (const std::string &text : filter.wanted)
                if (after(text) > place(text)) wanted.push_back(place(text));
            return over_codes(column, rows, [&](std::int32_t code) {
                return (std::find(wanted.begin(), wanted.end(), code) != wanted.end()) != filter.negated;
            });
        }
        const std::string &value = filter.wanted.at(0);
        const std::int32_t low = place(value), high = after(value);
        switch (filter.sign) {
            case Sign::equal: return over_codes(column, rows, [=](std::int32_t code) { return code >= low && code < high; });
            case Sign::other: return over_codes(column, rows, [=](std::int32_t code) { return code < low || code >= high; });
            case Sign::less: return over_codes(column, rows, [=](std::int32_t code) { return code < low; });
            case Sign::at_most: return over_codes(column, rows, [=](std::int32_t code) { return code < high; });
            case Sign::more: return over_codes(column, rows, [=](std::int32_t code) { return code >= high; });
            default: return over_codes(column, rows, [=](std::int32_t code) { return code >= low; });
        }
    }

    // Each different text among the rows is looked at once, and only if its pairs of letters allow a match.
    template <class Place>
    static Truths like(const FilterColumn &column, const Filter &filter, const Positions &rows, const Place &place) {
        const LikePattern pattern(filter.wanted.at(0), filter.any_case);
        const bool negated = filter.negated;
        if (pattern.is_prefix()) {
            const std::string &start = pattern.first();
            const std::int32_t low = place(start);
            std::int32_t high = low;
            const auto size = static_cast<std::int32_t>(column.texts.size());
            const auto begins = [&](std::int32_t at) { return column.texts[at].compare(0, start.size(), start) == 0; };
            for (std::int32_t step = size; step > 0; step /= 2)
                while (high + step <= size && begins(high + step - 1)) high += step;
            return over_codes(column, rows, [=](std::int32_t code) { return (code >= low && code < high) != negated; });
        }
        const std::uint64_t needed = pattern.needed();
        Truths verdicts(column.texts.size(), UNKNOWN);
        return over_codes(column, rows, [&](std::int32_t code) {
            if (needed & ~column.signatures[code]) return negated;
            std::uint8_t &verdict = verdicts[code];
            if (verdict == UNKNOWN) verdict = pattern.matches(column.texts[code]);
            return (verdict == YES) != negated;
        });
    }

    const std::vector<FilterColumn> &columns_;
};

}  // namespace

Positions passing(const std::vector<FilterColumn> &columns, std::size_t rows, std::vector<Filter> filters) {
    Positions left(rows);
    std::iota(left.begin(), left.end(), 0);
    std::stable_sort(filters.begin(), filters.end(),
                     [](const Filter &a, const Filter &b) { return Evaluator::price(a) < Evaluator::price(b); });
    const Evaluator evaluator(columns);
    for (const Filter &filter : filters) {
        const Truths truths = evaluator.run(filter, left);
        std::size_t kept = 0;
        for (std::size_t i = 0; i < left.size(); ++i) {
            left[kept] = left[i];
            kept += truths[i] == YES;
        }
        left.resize(kept);
    }
    return left;
}

}  // namespace joinopt
