// Kernels of joinopt: counting joins on a sample, and exact search over join trees.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>

#include "joinopt_count.h"
#include "joinopt_filter.h"
#include "joinopt_read.h"
#include "joinopt_sample.h"
#include "joinopt_scan.h"
#include "joinopt_search.h"

namespace nb = nanobind;
using namespace joinopt;

namespace {

template <class T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<nb::numpy, T>;

template <class T>
Out<T> give(std::vector<T> values, std::size_t columns = 0) {
    auto *owned = new std::vector<T>(std::move(values));
    nb::capsule owner(owned, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
    if (columns) return Out<T>(owned->data(), {owned->size() / columns, columns}, owner);
    return Out<T>(owned->data(), {owned->size()}, owner);
}

// Keeps the arrays that the counter points into.
struct BoundCounter {
    Counter counter;
    std::vector<In<std::int32_t>> arrays;

    BoundCounter(int relations, int hidden, std::vector<std::int64_t> domains)
        : counter(relations, hidden, std::move(domains)) {}
    BoundCounter(const BoundCounter &) = delete;

    void attach(int relation, int klass, In<std::int32_t> ids) {
        counter.attach(relation, klass, ids.data(), static_cast<std::int64_t>(ids.size()));
        arrays.push_back(std::move(ids));
    }

    Out<double> count(int root, std::int64_t limit, std::optional<In<double>> weights, In<Mask> masks) {
        if (weights && static_cast<std::int64_t>(weights->size()) != limit)
            throw std::invalid_argument("one weight for each id");
        std::vector<Total> totals(masks.size());
        {
            nb::gil_scoped_release release;
            counter.count(root, limit, weights ? weights->data() : nullptr, masks.data(), masks.size(), totals.data());
        }
        std::vector<double> flat;
        for (const Total &total : totals) flat.insert(flat.end(), {total.rows, total.variance});
        return give(std::move(flat), 2);
    }
};

// (log rows of each relation, [(relations, log distinct values)], [relations of other predicates], log of a guess)
EngineFormula formula_of(const nb::tuple &raw, std::size_t relations) {
    EngineFormula formula;
    formula.log_base = nb::cast<std::vector<double>>(raw[0]);
    for (nb::handle group : nb::cast<nb::list>(raw[1]))
        formula.classes.emplace_back(nb::cast<Mask>(group[0]), nb::cast<double>(group[1]));
    formula.others = nb::cast<std::vector<Mask>>(raw[2]);
    formula.log_guess = nb::cast<double>(raw[3]);
    if (formula.log_base.size() != relations) throw std::invalid_argument("one number for each relation");
    return formula;
}

// Sizes of the subsets of one graph; keeps what its roots point at.
class SampleEstimator {
public:
    SampleEstimator(std::vector<Mask> adjacency, std::vector<double> leaf_rows, std::vector<double> leaf_sigma,
                    nb::tuple formula, nb::list dropped) {
        graph_.formula = formula_of(formula, adjacency.size());
        if (leaf_rows.size() != adjacency.size() || leaf_sigma.size() != adjacency.size())
            throw std::invalid_argument("one number for each relation");
        graph_.adjacency = std::move(adjacency);
        graph_.leaf_rows = std::move(leaf_rows);
        graph_.leaf_sigma = std::move(leaf_sigma);
        for (nb::handle edge : dropped)
            graph_.dropped.push_back({nb::cast<Mask>(edge[0]), nb::cast<Mask>(edge[1]), nb::cast<double>(edge[2])});
    }
    SampleEstimator(const SampleEstimator &) = delete;

    void add_root(Mask covered, Mask attached, double bonus, int klass, std::int64_t limit,
                  std::optional<In<double>> weights) {
        if (weights && static_cast<std::int64_t>(weights->size()) != limit)
            throw std::invalid_argument("one weight for each id");
        graph_.roots.push_back({covered, attached, bonus, klass, limit, weights ? weights->data() : nullptr, nullptr});
        weights_.push_back(std::move(weights));
        counters_.emplace_back();
    }

    void attach(std::size_t root, nb::object counter) {
        graph_.roots.at(root).counter = &nb::cast<BoundCounter &>(counter).counter;
        counters_.at(root) = std::move(counter);
    }

    // Roots that these subsets are counted at and that have no counter yet.
    std::vector<int> missing(In<Mask> masks) const {
        std::vector<int> found;
        for (int root : roots_for(graph_, masks.data(), masks.size()))
            if (!graph_.roots[root].counter) found.push_back(root);
        return found;
    }

    // Two arrays: rows, and the standard deviation of their logarithm.
    nb::tuple estimate(In<Mask> masks) {
        for (int root : roots_for(graph_, masks.data(), masks.size()))
            if (!graph_.roots[root].counter) throw std::invalid_argument("a root has no counter");
        std::vector<double> rows, sigma;
        {
            nb::gil_scoped_release release;
            for (const SampleEstimate &one : joinopt::estimate(graph_, masks.data(), masks.size())) {
                rows.push_back(one.rows);
                sigma.push_back(one.sigma);
            }
        }
        return nb::make_tuple(give(std::move(rows)), give(std::move(sigma)));
    }

private:
    SampleGraph graph_;
    std::vector<std::optional<In<double>>> weights_;
    std::vector<nb::object> counters_;
};

// Numbers the combinations of several ids (-1: NULL, and so is the combination): for each relation the numbers of its
// rows, and for each part the id that every combination has there.
nb::tuple pair_ids(const std::vector<std::vector<In<std::int32_t>>> &columns, const std::vector<std::int64_t> &domains) {
    // Open addressing: codes of large domains fall into few buckets of the standard map, which hashes nothing.
    std::size_t rows = 0;
    for (const auto &parts : columns) rows += parts.empty() ? 0 : parts[0].size();
    std::size_t bits = 4;
    while ((std::size_t{1} << bits) < 2 * rows) ++bits;
    std::vector<std::int32_t> slots(std::size_t{1} << bits, -1);
    std::vector<std::int64_t> codes;
    nb::list numbered, back;
    for (const auto &parts : columns) {
        if (parts.size() != domains.size()) throw std::invalid_argument("one array for each part");
        std::vector<std::int32_t> own(parts.empty() ? 0 : parts[0].size());
        for (std::size_t row = 0; row < own.size(); ++row) {
            std::int64_t code = 0;
            bool null = false;
            for (std::size_t p = 0; p < parts.size(); ++p) {
                const std::int32_t id = parts[p].data()[row];
                null |= id < 0;
                code = code * std::max<std::int64_t>(domains[p], 1) + id;
            }
            if (null) {
                own[row] = -1;
                continue;
            }
            std::uint64_t mixed = static_cast<std::uint64_t>(code) * 0x9E3779B97F4A7C15u;
            mixed ^= mixed >> 32;
            std::size_t at = (mixed * 0x9E3779B97F4A7C15u) >> (64 - bits);
            while (slots[at] >= 0 && codes[slots[at]] != code) at = (at + 1) & (slots.size() - 1);
            if (slots[at] < 0) {
                slots[at] = static_cast<std::int32_t>(codes.size());
                codes.push_back(code);
            }
            own[row] = slots[at];
        }
        numbered.append(nb::cast(give(std::move(own))));
    }
    std::vector<std::vector<std::int32_t>> ids(domains.size(), std::vector<std::int32_t>(codes.size()));
    for (std::size_t c = 0; c < codes.size(); ++c) {
        std::int64_t rest = codes[c];
        for (std::size_t p = domains.size(); p-- > 0;) {
            const std::int64_t domain = std::max<std::int64_t>(domains[p], 1);
            ids[p][c] = static_cast<std::int32_t>(rest % domain);
            rest /= domain;
        }
    }
    for (auto &part : ids) back.append(nb::cast(give(std::move(part))));
    return nb::make_tuple(numbered, back);
}

nb::tuple search(const std::vector<Mask> &adjacency, In<Mask> masks, In<double> rows, const std::vector<double> &width,
                 const std::vector<double> &c, bool left_deep) {
    if (c.size() != 8) throw std::invalid_argument("a join cost has eight coefficients");
    if (rows.size() != masks.size()) throw std::invalid_argument("one row count for each subset");
    Best best;
    {
        nb::gil_scoped_release release;
        best = best_trees(adjacency, masks.data(), rows.data(), masks.size(), width,
                          {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]}, left_deep);
    }
    return nb::make_tuple(give(std::move(best.cost)), give(std::move(best.probe)));
}

void flatten(const Mask *masks, std::size_t n, const Best &best, Mask mask, std::vector<Mask> &into) {
    const auto place = static_cast<std::size_t>(std::lower_bound(masks, masks + n, mask) - masks);
    const Mask probe = place < n && masks[place] == mask ? best.probe[place] : 0;
    if (!probe) return;
    into.insert(into.end(), {mask, probe});
    flatten(masks, n, best, probe, into);
    flatten(masks, n, best, mask & ~probe, into);
}

// (relation, [key_s, in_scan_s, above_s, text_s, segments], [(partners, share, spread, runs), ...])
ScanCost scan_cost(nb::handle of) {
    const nb::tuple raw = nb::cast<nb::tuple>(of);
    const auto c = nb::cast<std::vector<double>>(raw[1]);
    if (c.size() != 5) throw std::invalid_argument("a scan has five numbers");
    ScanCost scan{nb::cast<int>(raw[0]), c[0], c[1], c[2], c[3], c[4], {}};
    for (nb::handle one : nb::cast<nb::list>(raw[2])) {
        const nb::tuple link = nb::cast<nb::tuple>(one);
        scan.links.push_back({nb::cast<Mask>(link[0]), nb::cast<double>(link[1]), nb::cast<double>(link[2]),
                              nb::cast<double>(link[3])});
    }
    return scan;
}

// The cheapest tree over the last subset: pairs of a join and its probe side, parents first.
Out<Mask> best_tree(const std::vector<Mask> &adjacency, In<Mask> masks, In<double> rows, const std::vector<double> &width,
                    const std::vector<double> &c, bool left_deep, nb::list scans, In<double> handed) {
    std::vector<ScanCost> scanned;
    for (nb::handle scan : scans) scanned.push_back(scan_cost(scan));
    if (c.size() != 8) throw std::invalid_argument("a join cost has eight coefficients");
    if (rows.size() != masks.size() || handed.size() != masks.size() || !masks.size())
        throw std::invalid_argument("one row count for each subset");
    std::vector<Mask> flat;
    {
        nb::gil_scoped_release release;
        const Best best =
            best_trees(adjacency, masks.data(), rows.data(), masks.size(), width,
                       {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]}, left_deep, scanned, handed.data());
        flatten(masks.data(), masks.size(), best, masks.data()[masks.size() - 1], flat);
    }
    return give(std::move(flat));
}

Words words_of(nb::frozenset words) {
    Words found;
    for (nb::handle word : words) found.insert(nb::cast<std::string>(word));
    return found;
}

// The tables of a catalogue by number.
class NamedTables {
public:
    explicit NamedTables(nb::frozenset keywords) : keywords_(words_of(keywords)) {}

    // Columns as (name, type, width).
    void add(nb::list columns) {
        PlainTable table;
        for (nb::handle raw : columns) {
            const nb::tuple column = nb::cast<nb::tuple>(raw);
            PlainColumn known;
            known.name = nb::cast<std::string>(column[0]);
            known.lower = nb::cast<std::string>(column[0].attr("lower")());
            known.type = types_.try_emplace(nb::cast<std::string>(column[1]), static_cast<int>(types_.size())).first->second;
            known.width = nb::cast<double>(column[2]);
            table.keyword |= keywords_.count(known.lower) > 0;
            table.by_name[known.lower] = static_cast<int>(table.columns.size());
            table.columns.push_back(std::move(known));
        }
        tables.push_back(std::move(table));
    }

    std::vector<PlainTable> tables;

private:
    Words keywords_;
    std::unordered_map<std::string, int> types_;
};

// Asks Python which table a name means.
class AskedTables : public PlainTables {
public:
    AskedTables(const NamedTables &named, nb::callable find) : PlainTables(named.tables), find_(std::move(find)) {}
    int find(const PlainName &name) const override { return nb::cast<int>(find_(name.name, name.schema, name.database)); }

private:
    nb::callable find_;
};

// The cheapest order of a graph beside DuckDB's own: (ours, engine's, our seconds, the engine's, spread).
nb::tuple plan_region(const std::vector<Mask> &adjacency, In<Mask> masks, In<double> rows, In<double> sigma,
                      const std::vector<double> &width, const std::vector<double> &c, nb::list scans, nb::tuple formula) {
    std::vector<ScanCost> scanned;
    for (nb::handle scan : scans) scanned.push_back(scan_cost(scan));
    if (c.size() != 8) throw std::invalid_argument("a join cost has eight coefficients");
    if (!masks.size() || rows.size() != masks.size() || sigma.size() != masks.size())
        throw std::invalid_argument("one row count for each subset");
    const EngineFormula believed = formula_of(formula, adjacency.size());
    if (width.size() != adjacency.size()) throw std::invalid_argument("one number for each relation");
    Compared found;
    {
        nb::gil_scoped_release release;
        found = plan(adjacency, masks.data(), rows.data(), sigma.data(), masks.size(), width,
                     {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]}, scanned, believed);
    }
    return nb::make_tuple(nb::cast(found.ours), nb::cast(found.engine), found.ours_s, found.engine_s, found.spread_s);
}

class BoundVocabulary : public Vocabulary {
public:
    BoundVocabulary(nb::frozenset keywords, nb::frozenset units, nb::frozenset strange, nb::frozenset tail,
                    nb::frozenset changing, nb::frozenset reserved)
        : Vocabulary{words_of(keywords), words_of(units), words_of(strange), words_of(tail), words_of(changing), words_of(reserved)} {}
};

template <class T, class Make>
nb::tuple tuple_of(const std::vector<T> &items, const Make &make) {
    nb::object found = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(items.size())));
    for (std::size_t i = 0; i < items.size(); ++i)
        PyTuple_SET_ITEM(found.ptr(), static_cast<Py_ssize_t>(i), make(items[i]).release().ptr());
    return nb::borrow<nb::tuple>(found);
}

nb::object text_of(const std::string &text) { return nb::str(text.data(), text.size()); }
nb::object value_of(const Value &value) { return value.is_text ? text_of(value.text) : nb::object(nb::float_(value.number)); }

// As `Condition` of mlsys4sys/joinopt/filters.py.
nb::object tree_of(const Condition &condition) {
    using What = Condition::What;
    const nb::object column = text_of(condition.column);
    switch (condition.what) {
        case What::all: return nb::make_tuple("and", tuple_of(condition.parts, tree_of));
        case What::any: return nb::make_tuple("or", tuple_of(condition.parts, tree_of));
        case What::negation: return nb::make_tuple("not", tree_of(condition.parts[0]));
        case What::compare: return nb::make_tuple("cmp", column, condition.sign, value_of(condition.values[0]));
        case What::among: return nb::make_tuple("in", column, tuple_of(condition.values, value_of), condition.negated);
        case What::like:
            return nb::make_tuple("like", column, value_of(condition.values[0]), condition.negated, condition.any_case);
        default: return nb::make_tuple("null", column, condition.negated);
    }
}

// (relations, predicates, kept, classes, places in the text), or why not: (reason, whether it is plain).
nb::tuple read_query(nb::str sql, const NamedTables &named, nb::callable find, const BoundVocabulary &words) {
    const AskedTables tables(named, std::move(find));
    Py_ssize_t size = 0;
    const char *data = PyUnicode_AsUTF8AndSize(sql.ptr(), &size);
    // Positions are those of characters, which are bytes in ASCII only.
    if (!data || !PyUnicode_IS_ASCII(sql.ptr())) {
        PyErr_Clear();
        return nb::make_tuple("not plain enough for the quick reader", false);
    }
    PlainQuery query;
    try {
        query = read_plain({data, static_cast<std::size_t>(size)}, tables, words);
    } catch (const Refused &refused) {
        return nb::make_tuple(refused.why, refused.plain);
    }
    auto name_of = [&](Place place) {
        return text_of(tables.tables[query.relations[place.relation].table].columns[place.column].name);
    };
    auto relations = tuple_of(query.relations, [&](const PlainRelation &relation) -> nb::object {
        auto read = tuple_of(relation.read, [&](int column) { return text_of(tables.tables[relation.table].columns[column].name); });
        return nb::make_tuple(relation.table, relation.alias, relation.text, read, relation.width,
                              tuple_of(relation.filters, text_of), tuple_of(relation.conditions, tree_of));
    });
    auto predicates = tuple_of(query.predicates, [&](const PlainPredicate &predicate) -> nb::object {
        nb::object equality = nb::none();
        if (predicate.equality)
            equality = nb::make_tuple(predicate.left.relation, name_of(predicate.left), predicate.right.relation,
                                      name_of(predicate.right));
        return nb::make_tuple(predicate.sql, predicate.relations, equality);
    });
    auto classes = tuple_of(query.classes, [&](const std::vector<Place> &group) -> nb::object {
        return tuple_of(group, [&](Place place) -> nb::object { return nb::make_tuple(place.relation, name_of(place)); });
    });
    return nb::make_tuple(relations, predicates, tuple_of(query.kept, text_of), classes,
                          nb::make_tuple(query.head_start, query.head_end, query.tail_start, query.tail_end));
}

// The columns of a small table, filtered by programs of mlsys4sys/joinopt/filters.py.
class FilterTable {
public:
    explicit FilterTable(std::int64_t rows) : rows_(static_cast<std::size_t>(rows)) {}

    int add_numbers(In<double> values) {
        check(values.size());
        columns_.emplace_back();
        columns_.back().numbers.assign(values.data(), values.data() + values.size());
        return static_cast<int>(columns_.size()) - 1;
    }

    int add_texts(nb::list values) {
        check(nb::len(values));
        columns_.emplace_back();
        FilterColumn &column = columns_.back();
        column.is_text = true;
        std::unordered_map<std::string, std::int32_t> places;
        for (nb::handle value : values) {
            if (value.is_none()) {
                column.codes.push_back(-1);
                continue;
            }
            const auto [slot, fresh] =
                places.try_emplace(nb::cast<std::string>(value), static_cast<std::int32_t>(column.texts.size()));
            if (fresh) column.texts.push_back(slot->first);
            column.codes.push_back(slot->second);
        }
        column.sort_texts();
        return static_cast<int>(columns_.size()) - 1;
    }

    // Positions of the rows for which all programs say yes.
    Out<std::int64_t> select(nb::list programs) const {
        std::vector<Filter> filters;
        for (nb::handle program : programs) filters.push_back(filter_of(nb::cast<nb::tuple>(program)));
        const Positions found = passing(columns_, rows_, std::move(filters));
        return give(std::vector<std::int64_t>(found.begin(), found.end()));
    }

private:
    void check(std::size_t rows) const {
        if (rows != rows_) throw std::invalid_argument("a column has another number of rows");
    }

    Filter filter_of(const nb::tuple &program) const {
        const int what = nb::cast<int>(program[0]);
        if (what < 0 || what > 8) throw std::invalid_argument("no such predicate");
        Filter found;
        found.what = static_cast<Filter::What>(what);
        if (what <= 1) {
            for (nb::handle part : nb::cast<nb::list>(program[1])) found.parts.push_back(filter_of(nb::cast<nb::tuple>(part)));
            return found;
        }
        if (what == 2) {
            found.parts.push_back(filter_of(nb::cast<nb::tuple>(program[1])));
            return found;
        }
        found.column = nb::cast<int>(program[1]);
        const FilterColumn &column = columns_.at(static_cast<std::size_t>(found.column));
        if (column.is_text != (what == 4 || what == 6 || what == 7) && what != 8)
            throw std::invalid_argument("a constant of another kind than its column");
        switch (what) {
            case 3: found.values = {nb::cast<double>(program[3])}; break;
            case 4: found.wanted = {nb::cast<std::string>(program[3])}; break;
            case 5: found.values = nb::cast<std::vector<double>>(program[2]); break;
            case 6: found.wanted = nb::cast<std::vector<std::string>>(program[2]); break;
            case 7: found.wanted = {nb::cast<std::string>(program[2])}; break;
            default: break;
        }
        if (what == 3 || what == 4) found.sign = Sign(nb::cast<int>(program[2]));
        if (what == 8) found.negated = nb::cast<bool>(program[2]);
        if (what >= 5 && what <= 7) found.negated = nb::cast<bool>(program[3]);
        if (what == 7) found.any_case = nb::cast<bool>(program[4]);
        return found;
    }

    std::size_t rows_;
    std::vector<FilterColumn> columns_;
};

}  // namespace

void bind_joinopt(nb::module_ &m) {
    nb::class_<BoundCounter>(m, "JoinCounter")
        .def(nb::init<int, int, std::vector<std::int64_t>>())
        .def("attach", &BoundCounter::attach)
        .def("count", &BoundCounter::count, nb::arg("root"), nb::arg("limit"), nb::arg("weights").none(), nb::arg("masks"));
    nb::class_<FilterTable>(m, "FilterTable")
        .def(nb::init<std::int64_t>())
        .def("add_numbers", &FilterTable::add_numbers)
        .def("add_texts", &FilterTable::add_texts)
        .def("select", &FilterTable::select);
    m.def("connected_subsets", [](const std::vector<Mask> &adjacency, std::size_t cap) {
        return give(connected_subsets(adjacency, cap));
    });
    nb::class_<SampleEstimator>(m, "SampleEstimator")
        .def(nb::init<std::vector<Mask>, std::vector<double>, std::vector<double>, nb::tuple, nb::list>())
        .def("add_root", &SampleEstimator::add_root, nb::arg("covered"), nb::arg("attached"), nb::arg("bonus"),
             nb::arg("klass"), nb::arg("limit"), nb::arg("weights").none())
        .def("attach", &SampleEstimator::attach)
        .def("missing", &SampleEstimator::missing)
        .def("estimate", &SampleEstimator::estimate);
    m.def("pair_ids", &pair_ids);
    m.def("best_trees", &search);
    m.def("best_tree", &best_tree);
    m.def("plan_region", &plan_region);
    m.def("greedy_tree", [](const std::vector<Mask> &adjacency, const std::vector<double> &width, nb::tuple formula) {
        if (width.size() != adjacency.size()) throw std::invalid_argument("one number for each relation");
        return greedy(adjacency, width, formula_of(formula, adjacency.size()));
    });
    nb::class_<NamedTables>(m, "PlainTables").def(nb::init<nb::frozenset>()).def("add", &NamedTables::add);
    nb::class_<BoundVocabulary>(m, "Vocabulary")
        .def(nb::init<nb::frozenset, nb::frozenset, nb::frozenset, nb::frozenset, nb::frozenset, nb::frozenset>());
    m.def("read_query", &read_query);
    m.def("reads_only", [](const std::string &sql) { return reads_only(sql); });
}
