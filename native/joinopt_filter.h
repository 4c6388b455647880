// Filtering the columns of a small table without a database: three-valued logic over plain predicates.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace joinopt {

enum Truth : std::uint8_t { NO = 0, YES = 1, UNKNOWN = 2 };
using Truths = std::vector<std::uint8_t>;

enum class Sign { equal, other, less, at_most, more, at_least };

// A column of numbers (NaN is NULL) or of texts, each different text kept once.
struct FilterColumn {
    std::vector<double> numbers;
    std::vector<std::int32_t> codes;  // of texts: place in `texts`, -1 is NULL
    std::vector<std::string> texts;
    bool is_text = false;
};

// SQL's LIKE: % stands for anything, _ for one character of UTF-8.
class LikePattern {
public:
    LikePattern(std::string_view pattern, bool any_case);
    bool matches(std::string_view text) const;

private:
    std::vector<std::string> pieces_;  // between the %
    bool any_case_;
};

Truths compare(const FilterColumn &column, Sign sign, double value);
Truths compare(const FilterColumn &column, Sign sign, const std::string &value);
Truths among(const FilterColumn &column, const std::vector<double> &values, bool negated);
Truths among(const FilterColumn &column, const std::vector<std::string> &values, bool negated);
Truths like(const FilterColumn &column, const std::string &pattern, bool negated, bool any_case);
Truths is_null(const FilterColumn &column, bool negated);
void both(Truths &into, const Truths &other);
void either(Truths &into, const Truths &other);
void negate(Truths &truths);

}  // namespace joinopt
