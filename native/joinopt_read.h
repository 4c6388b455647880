// One flat SELECT over base tables, read and bound; see mlsys4sys/joinopt/light.py.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "joinopt_scan.h"

namespace joinopt {

using Words = std::unordered_set<std::string>;

// Sets of lower-cased words that the reader knows.
struct Vocabulary {
    Words keywords;  // words of expressions that can stand where a column could
    Words units;     // of intervals
    Words strange;   // words of texts that are not plain
    Words tail;      // what may follow WHERE
    Words changing;  // functions that give another value each time
    Words reserved;  // words that a name needs quotes for
};

struct PlainColumn {
    std::string lower, name;
    int type = 0;       // equal for equal types
    double width = 0;   // bytes of a value in a hash table
};

struct PlainTable {
    std::vector<PlainColumn> columns;
    std::unordered_map<std::string, int> by_name;
    bool keyword = false;  // whether a column has the name of one
};

struct PlainName {
    std::string database, schema, name;
};

// What FROM names: the position of a table, or -1.
class PlainTables {
public:
    explicit PlainTables(const std::vector<PlainTable> &all) : tables(all) {}
    virtual ~PlainTables() = default;
    virtual int find(const PlainName &name) const = 0;
    const std::vector<PlainTable> &tables;
};

struct Place {
    int relation = -1, column = -1;
    bool operator<(const Place &other) const {
        return relation != other.relation ? relation < other.relation : column < other.column;
    }
    bool operator==(const Place &other) const { return relation == other.relation && column == other.column; }
};

// A condition of one relation as a tree; see mlsys4sys/joinopt/filters.py.
struct Value {
    bool is_text = false;
    std::string text;
    double number = 0;
};
struct Condition {
    enum class What { all, any, negation, compare, among, like, null } what = What::compare;
    std::vector<Condition> parts;  // of all, any, negation
    std::string column, sign;
    std::vector<Value> values;
    bool negated = false, any_case = false;
};

struct PlainRelation {
    int table = -1;
    std::string alias, text;
    std::vector<int> read;             // columns, in the table's order
    double width = 0;                  // bytes of those that a hash table holds
    std::vector<std::string> filters;  // qualified
    std::vector<Condition> conditions;
    bool understood = true;  // whether there is a condition for each filter
};

struct PlainPredicate {
    std::string sql;
    std::uint64_t relations = 0;
    bool equality = false;
    Place left, right;
};

struct PlainQuery {
    std::vector<PlainRelation> relations;
    std::vector<PlainPredicate> predicates;
    std::vector<std::string> kept;            // conjuncts that stay in WHERE
    std::vector<std::vector<Place>> classes;  // columns that are equal; sorted by name within a relation
    std::size_t head_start = 0, head_end = 0;  // of the text up to and with FROM
    std::size_t tail_start = 0, tail_end = 0;  // of what follows WHERE; equal when there is nothing
};

// Why a text is refused; `plain` unless it holds words or signs that this reader does not know.
struct Refused {
    std::string why;
    bool plain = true;
};

// Throws Refused.
PlainQuery read_plain(std::string_view sql, const PlainTables &tables, const Vocabulary &words);

}  // namespace joinopt
