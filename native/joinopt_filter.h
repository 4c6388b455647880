// Filters over the columns of a small table, in SQL's logic of three values; see mlsys4sys/joinopt/filters.py.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace joinopt {

enum Truth : std::uint8_t { NO, YES, UNKNOWN };
using Truths = std::vector<std::uint8_t>;
using Positions = std::vector<std::int32_t>;
enum class Sign { equal, other, less, at_most, more, at_least };

// A column: numbers (NaN where NULL), or the places of its values in a sorted list of texts (-1 where NULL).
struct FilterColumn {
    bool is_text = false;
    std::vector<double> numbers;
    std::vector<std::string> texts;         // different, sorted
    std::vector<std::uint64_t> signatures;  // of the pairs of letters in each text, case apart
    std::vector<std::int32_t> codes;

    void sort_texts();  // and make the signatures; before, the texts may stand in any order
};

// A predicate of one table with columns by position, or AND, OR, NOT over such.
struct Filter {
    enum class What { all, any, negation, number, text, numbers, texts, like, null } what = What::number;
    std::vector<Filter> parts;  // of all, any, negation
    int column = 0;
    Sign sign = Sign::equal;
    std::vector<double> values;
    std::vector<std::string> wanted;  // texts, or the one pattern
    bool negated = false, any_case = false;
};

// A LIKE pattern: % stands for any text, _ for any one character (UTF-8).
class LikePattern {
public:
    LikePattern(std::string_view pattern, bool any_case);
    bool matches(std::string_view text) const;
    // Bits that the signature of every text that matches has.
    std::uint64_t needed() const { return needed_; }
    // The text before a single % at the end, in which case the matching texts stand together; else nothing.
    bool is_prefix() const { return pieces_.size() == 2 && pieces_[1].empty() && !any_case_ && pieces_[0].find('_') == std::string::npos; }
    const std::string &first() const { return pieces_.front(); }

private:
    std::vector<std::string> pieces_;
    bool any_case_;
    std::uint64_t needed_ = 0;
};

// Positions of the rows, of `rows` in all, for which every filter says yes.
Positions passing(const std::vector<FilterColumn> &columns, std::size_t rows, std::vector<Filter> filters);

}  // namespace joinopt
