// See joinopt_read.h. Reads what mlsys4sys/joinopt/flat.py reads, and in the same way, as long as the text keeps to what
// it is sure about; everything else is refused and left to the general parser.
#include "joinopt_read.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

namespace joinopt {

namespace {

[[noreturn]] void refuse(std::string why) { throw Refused{std::move(why), true}; }

std::string lower(std::string text) {
    for (char &c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
}

// Reads a condition from tokens; stops being sure of it by throwing Unknown.
class ConditionReader {
public:
    struct Unknown {};

    ConditionReader(const std::vector<Token> &tokens, std::size_t low, std::size_t high)
        : tokens_(tokens), at_(low), high_(high) {}

    bool done() const { return at_ == high_; }

    Condition disjunction() { return joined(Condition::What::any, "or"); }

private:
    Condition joined(Condition::What what, const char *word) {
        Condition found;
        found.what = what;
        do found.parts.push_back(what == Condition::What::any ? joined(Condition::What::all, "and") : negation());
        while (skip(word));
        if (found.parts.size() == 1) return Condition(std::move(found.parts[0]));
        return found;
    }

    Condition negation() {
        if (skip("not")) {
            Condition found;
            found.what = Condition::What::negation;
            found.parts.push_back(negation());
            return found;
        }
        if (is_sign("(")) {
            ++at_;
            Condition inside = disjunction();
            expect(")");
            return inside;
        }
        return predicate();
    }

    Condition predicate() {
        const Kind kind = token().kind;
        Condition found;
        if (kind == Kind::text || kind == Kind::number || is_sign("-")) {
            found.values.push_back(value());
            found.sign = turned(comparison());
            found.column = column();
            return found;
        }
        found.column = column();
        if (is_comparison()) {
            found.sign = comparison();
            found.values.push_back(value());
            return found;
        }
        if (skip("is")) {
            found.what = Condition::What::null;
            found.negated = skip("not");
            if (!skip("null")) throw Unknown();
            return found;
        }
        found.negated = skip("not");
        if (skip("in")) {
            found.what = Condition::What::among;
            expect("(");
            do found.values.push_back(value());
            while (is_sign(",") && ++at_);
            expect(")");
            return found;
        }
        if (skip("between")) return between(std::move(found));
        found.any_case = is_word("ilike");
        if (!skip("like") && !skip("ilike")) throw Unknown();
        found.what = Condition::What::like;
        found.values.push_back(value());
        const Value &pattern = found.values[0];
        if (!pattern.is_text || pattern.text.find('\\') != std::string::npos || is_word("escape")) throw Unknown();
        return found;
    }

    Condition between(Condition start) {
        Condition both, least, most;
        both.what = Condition::What::all;
        least.column = most.column = start.column;
        least.sign = ">=", most.sign = "<=";
        least.values.push_back(value());
        if (!skip("and")) throw Unknown();
        most.values.push_back(value());
        both.parts = {std::move(least), std::move(most)};
        if (!start.negated) return both;
        Condition outside;
        outside.what = Condition::What::negation;
        outside.parts.push_back(std::move(both));
        return outside;
    }

    bool is_comparison() const {
        if (at_ >= high_ || token().kind != Kind::sign) return false;
        for (const char *sign : {"=", "<>", "!=", "<", "<=", ">", ">="})
            if (token().text == sign) return true;
        return false;
    }

    std::string comparison() {
        if (!is_comparison()) throw Unknown();
        return tokens_[at_++].text;
    }

    static std::string turned(const std::string &sign) {
        if (sign[0] == '<' && sign != "<>") return ">" + sign.substr(1);
        if (sign[0] == '>') return "<" + sign.substr(1);
        return sign;
    }

    std::string column() {
        const Token *named = &token();
        if (named->kind != Kind::word && named->kind != Kind::name) throw Unknown();
        ++at_;
        if (is_sign(".")) {
            if (at_ + 1 >= tokens_.size()) throw Unknown();
            named = &tokens_[at_ + 1];
            at_ += 2;
        }
        if (is_sign("(")) throw Unknown();
        return lower(named->text);
    }

    Value value() {
        const bool minus = is_sign("-");
        at_ += minus || is_word("date") || is_word("timestamp");
        const Token &here = token();
        ++at_;
        Value found;
        if (here.kind == Kind::number) {
            found.number = std::strtod(here.text.c_str(), nullptr) * (minus ? -1 : 1);
        } else if (here.kind == Kind::text && !minus) {
            found.is_text = true;
            found.text = here.text;
        } else {
            throw Unknown();
        }
        return found;
    }

    const Token &token() const {
        if (at_ >= tokens_.size()) throw Unknown();
        return tokens_[at_];
    }
    bool is_sign(const char *sign) const {
        return at_ < high_ && tokens_[at_].kind == Kind::sign && tokens_[at_].text == sign;
    }
    bool is_word(const char *word) const {
        return at_ < high_ && tokens_[at_].kind == Kind::word && tokens_[at_].text == word;
    }
    bool skip(const char *word) {
        const bool here = is_word(word);
        at_ += here;
        return here;
    }
    void expect(const char *sign) {
        if (!is_sign(sign)) throw Unknown();
        ++at_;
    }

    const std::vector<Token> &tokens_;
    std::size_t at_, high_;
};

struct Conjunct {
    std::uint64_t relations = 0;
    std::vector<Place> columns;
    std::string text, qualified;
    std::size_t low = 0, high = 0;
    bool in_where = false;
};

struct Reference {
    std::size_t at;
    std::string owner, name;  // the owner may be empty
};

class Reader {
public:
    Reader(std::string_view sql, std::vector<Token> tokens, const PlainTables &tables, const Vocabulary &words)
        : sql_(sql), tokens_(std::move(tokens)), size_(tokens_.size()), catalogue_(tables), words_(words) {}

    PlainQuery read() {
        match_brackets();
        find_clauses();
        read_from();
        for (int table : tables_)
            if (catalogue_.tables[table].keyword) refuse("a column has the name of a keyword");
        return query();
    }

private:
    bool is(std::size_t at, Kind kind, const char *text) const {
        return at < size_ && tokens_[at].kind == kind && tokens_[at].text == text;
    }
    bool sign(std::size_t at, const char *text) const { return is(at, Kind::sign, text); }
    bool word(std::size_t at, const char *text) const { return is(at, Kind::word, text); }
    bool named(std::size_t at) const {
        return at < size_ && (tokens_[at].kind == Kind::word || tokens_[at].kind == Kind::name);
    }
    bool keyword(std::size_t at) const { return tokens_[at].kind == Kind::word && words_.keywords.count(tokens_[at].text); }

    // Where each parenthesis, and each CASE, closes; top-level commas and clauses lie outside of all.
    void match_brackets() {
        closing_.assign(size_, 0);
        std::vector<std::size_t> pending;
        for (std::size_t at = 0; at < size_; ++at) {
            if (sign(at, "(") || word(at, "case")) {
                pending.push_back(at);
            } else if (sign(at, ")") || word(at, "end")) {
                if (pending.empty() || sign(pending.back(), "(") != sign(at, ")")) refuse("brackets do not match");
                closing_[pending.back()] = at;
                pending.pop_back();
            }
        }
        if (!pending.empty()) refuse("brackets do not match");
    }

    // Calls visit(place) for words and signs outside all brackets, until it says false.
    template <class Visit>
    void each_top(std::size_t low, std::size_t high, const Visit &visit) const {
        for (std::size_t at = low; at < high; ++at) {
            if (closing_[at])
                at = closing_[at];
            else if ((tokens_[at].kind == Kind::word || tokens_[at].kind == Kind::sign) && !visit(at))
                return;
        }
    }

    void find_clauses() {
        if (!word(0, "select")) refuse("not a single SELECT");
        source_ = where_ = above_ = 0;
        each_top(1, size_, [&](std::size_t at) {
            const std::string &text = tokens_[at].text;
            if (text == ";") refuse("not a single SELECT");
            if (text == "from" && !source_) {
                source_ = at;
            } else if (text == "where" && !where_ && source_) {
                where_ = at;
            } else if (words_.tail.count(text) && source_) {
                above_ = at;
                return false;
            } else if (text == "from" || text == "where") {
                refuse("clauses are in an unusual order");
            }
            return true;
        });
        if (!source_) refuse("has no FROM");
        if (!above_) above_ = size_;
        each_top(above_, size_, [&](std::size_t at) {
            const std::string &text = tokens_[at].text;
            if (text == "from" || text == "where" || text == ";") refuse("clauses are in an unusual order");
            return true;
        });
    }

    // -- FROM

    void read_from() {
        const std::size_t end = where_ ? where_ : above_;
        std::size_t at = read_table(source_ + 1, end), begin = 0;
        while (at < end) {
            if (sign(at, ",")) {
                begin = tables_.size();
                at = read_table(at + 1, end);
                continue;
            }
            const bool crossed = tokens_[at].text == "cross";
            at += word(at, "inner") || word(at, "cross");
            if (at >= end || !word(at, "join")) refuse("has something else than tables in FROM");
            at = read_table(at + 1, end);
            if (!crossed) at = read_condition(at, end, begin);
        }
    }

    std::size_t read_condition(std::size_t at, std::size_t end, std::size_t begin) {
        if (at >= end || !word(at, "on")) refuse("has a join without ON");
        std::size_t stop = end;
        each_top(at + 1, end, [&](std::size_t place) {
            const std::string &text = tokens_[place].text;
            if (text != "," && text != "join" && text != "inner" && text != "cross" && text != "on") return true;
            stop = place;
            return false;
        });
        on_.push_back({at + 1, stop, begin, tables_.size()});
        return stop;
    }

    std::size_t read_table(std::size_t at, std::size_t end) {
        const std::size_t first = at;
        std::vector<std::size_t> parts;
        while (at < end && named(at)) {
            parts.push_back(at++);
            if (at >= end || !sign(at, ".")) break;
            ++at;
        }
        if (parts.empty() || parts.size() > 3) refuse("has something else than tables in FROM");
        PlainName name{"", "", written(parts.back())};
        if (parts.size() > 1) name.schema = written(parts[parts.size() - 2]);
        if (parts.size() > 2) name.database = written(parts[0]);
        const int table = catalogue_.find(name);
        if (table < 0) refuse(name.name + " is no base table");
        std::size_t alias = parts.back();
        if (at < end && word(at, "as")) {
            if (++at >= end || !named(at)) refuse("has something else than tables in FROM");
            alias = at++;
        } else if (at < end && named(at) && !word(at, "join") && !word(at, "inner") && !word(at, "cross") && !word(at, "on")) {
            alias = at++;
        }
        const int number = static_cast<int>(tables_.size());
        if (!names_.try_emplace(lower(tokens_[alias].text), number).second)
            refuse("the name " + tokens_[alias].text + " is given twice");
        tables_.push_back(table);
        aliases_.push_back(written(alias));
        texts_.emplace_back(sql_.substr(tokens_[first].start, tokens_[at - 1].end - tokens_[first].start));
        if (number > 62) refuse("has more than 63 tables");
        return at;
    }

    // A word as the user wrote it.
    std::string written(std::size_t at) const {
        const Token &token = tokens_[at];
        return token.kind == Kind::word ? std::string(sql_.substr(token.start, token.end - token.start)) : token.text;
    }

    // -- expressions

    Place bind(const std::string &owner, const std::string &name, std::size_t low, std::size_t high) const {
        Place found;
        auto look = [&](int relation) {
            const auto &by_name = catalogue_.tables[tables_[relation]].by_name;
            const auto slot = by_name.find(name);
            if (slot == by_name.end()) return true;
            if (found.relation >= 0) return false;
            found = {relation, slot->second};
            return true;
        };
        if (!owner.empty()) {
            const auto slot = names_.find(owner);
            if (slot != names_.end() && slot->second >= static_cast<int>(low) && slot->second < static_cast<int>(high))
                look(slot->second);
            return found;
        }
        for (std::size_t relation = low; relation < high; ++relation)
            if (!look(static_cast<int>(relation))) return {};
        return found;
    }

    std::vector<Reference> references(std::size_t low, std::size_t high) const {
        std::vector<Reference> found;
        std::size_t at = low;
        while (at < high) {
            if (!named(at)) {
                ++at;
                continue;
            }
            const bool is_word = tokens_[at].kind == Kind::word;
            const std::string &text = tokens_[at].text;
            if (sign(at + 1, ".")) {
                if (at + 2 >= high || !named(at + 2)) refuse("has a name that is not plain");
                if (at + 3 < high && (sign(at + 3, ".") || sign(at + 3, "("))) refuse("has a name of three parts");
                found.push_back({at, lower(text), lower(tokens_[at + 2].text)});
                at += 3;
            } else if (sign(at + 1, "(") && !keyword(at)) {
                if (words_.changing.count(lower(text))) refuse("calls " + text + "()");
                ++at;
            } else if (at + 1 < size_ && tokens_[at + 1].kind == Kind::text && is_word && !keyword(at)) {
                refuse("has a literal of a type");
            } else if (is_word && text == "interval") {
                if (at + 1 >= high || (tokens_[at + 1].kind != Kind::text && tokens_[at + 1].kind != Kind::number))
                    refuse("has an interval that is not plain");
                at += 2;
                at += at < high && tokens_[at].kind == Kind::word && words_.units.count(tokens_[at].text);
            } else if (is_word && text == "as") {
                at += 2;
            } else if (keyword(at)) {
                ++at;
            } else {
                found.push_back({at, "", lower(text)});
                ++at;
            }
        }
        return found;
    }

    struct On {
        std::size_t low, high, begin, end;
    };

    std::vector<Conjunct> conjuncts() const {
        std::vector<Conjunct> found;
        for (const On &on : on_) split(on.low, on.high, on.begin, on.end, false, found);
        if (where_) split(where_ + 1, above_, 0, tables_.size(), true, found);
        return found;
    }

    // At the ANDs, inside parentheses too.
    void split(std::size_t low, std::size_t high, std::size_t begin, std::size_t end, bool in_where,
               std::vector<Conjunct> &into) const {
        while (low < high && closing_[low] == high - 1 && tokens_[low].text == "(") ++low, --high;
        if (low >= high) refuse("a conjunct is empty");
        std::vector<std::pair<std::size_t, std::size_t>> pieces;
        std::size_t start = low;
        int between = 0;
        bool disjunction = false;
        each_top(low, high, [&](std::size_t at) {
            const std::string &text = tokens_[at].text;
            if (text == "or") {
                disjunction = true;
                return false;
            }
            if (text == "between") {
                ++between;
            } else if (text == "and" && between) {
                --between;
            } else if (text == "and") {
                pieces.emplace_back(start, at);
                start = at + 1;
            }
            return true;
        });
        if (disjunction || pieces.empty()) {
            into.push_back(conjunct(low, high, disjunction, begin, end, in_where));
            return;
        }
        pieces.emplace_back(start, high);
        for (const auto &[from, to] : pieces) split(from, to, begin, end, in_where, into);
    }

    Conjunct conjunct(std::size_t low, std::size_t high, bool disjunction, std::size_t begin, std::size_t end,
                      bool in_where) const {
        Conjunct found;
        found.low = low, found.high = high, found.in_where = in_where;
        const std::size_t start = tokens_[low].start, stop = tokens_[high - 1].end;
        std::size_t done = start;
        for (const Reference &reference : references(low, high)) {
            const Place column = bind(reference.owner, reference.name, begin, end);
            if (column.relation < 0) refuse("column " + reference.name + " cannot be resolved here");
            found.columns.push_back(column);
            found.relations |= std::uint64_t(1) << column.relation;
            if (!reference.owner.empty()) continue;
            const std::size_t here = tokens_[reference.at].start;
            found.qualified += sql_.substr(done, here - done);
            found.qualified += quoted(aliases_[column.relation]) + ".";
            done = here;
        }
        found.qualified += sql_.substr(done, stop - done);
        found.text = sql_.substr(start, stop - start);
        if (disjunction) {
            found.text = "(" + found.text + ")";
            found.qualified = "(" + found.qualified + ")";
        }
        return found;
    }

    // Equal to `quote` of mlsys4sys/joinopt/emit.py.
    std::string quoted(const std::string &name) const {
        bool plain = !name.empty() && (name[0] == '_' || (name[0] >= 'a' && name[0] <= 'z'));
        for (char c : name) plain &= c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain && !words_.reserved.count(name)) return name;
        std::string found = "\"";
        for (char c : name) {
            found += c;
            if (c == '"') found += c;
        }
        return found + "\"";
    }

    // -- what stands above the joins

    std::set<Place> columns_above() const {
        std::set<std::string> aliases = {"all"};
        for (std::size_t at = 1; at < source_; ++at) {
            if (word(at, "as") && at + 1 < source_) {
                aliases.insert(lower(tokens_[at + 1].text));
            } else if (tokens_[at].text == "*") {
                const std::string &before = tokens_[at - 1].text;
                if (before == "," || before == "." || before == "select" || before == "distinct") refuse("has a *");
            }
        }
        if (size_ > 2 && tokens_[1].text == "distinct" && tokens_[2].text == "on") refuse("has DISTINCT ON");
        std::set<Place> found;
        for (const auto &[low, high] : {std::pair(std::size_t(1), source_), std::pair(above_, size_)}) {
            for (const Reference &reference : references(low, high)) {
                if (reference.owner.empty() && words_.tail.count(reference.name)) continue;
                const Place column = bind(reference.owner, reference.name, 0, tables_.size());
                if (column.relation >= 0)
                    found.insert(column);
                else if (!reference.owner.empty() || !aliases.count(reference.name))
                    refuse("column " + reference.name + " cannot be resolved here");
            }
        }
        return found;
    }

    // -- the query

    const PlainColumn &column_of(Place place) const { return catalogue_.tables[tables_[place.relation]].columns[place.column]; }

    PlainQuery query() const {
        PlainQuery found;
        found.relations.resize(tables_.size());
        const std::set<Place> above = columns_above();
        std::set<Place> read = above, held = above;
        for (const Conjunct &conjunct : conjuncts()) {
            const std::uint64_t mask = conjunct.relations;
            read.insert(conjunct.columns.begin(), conjunct.columns.end());
            if (mask & (mask - 1)) {
                held.insert(conjunct.columns.begin(), conjunct.columns.end());
                found.predicates.push_back(predicate(conjunct));
                continue;
            }
            if (mask) add_filter(found.relations[__builtin_ctzll(mask)], conjunct);
            if (mask || lower(conjunct.qualified) != "true")
                found.kept.push_back(conjunct.in_where ? conjunct.text : conjunct.qualified);
        }
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            PlainRelation &relation = found.relations[i];
            relation.table = tables_[i];
            relation.alias = aliases_[i];
            relation.text = texts_[i];
        }
        for (Place place : read) found.relations[place.relation].read.push_back(place.column);
        for (Place place : held) found.relations[place.relation].width += column_of(place).width;
        for (PlainRelation &relation : found.relations) relation.width = std::max(relation.width, 1.0);
        find_classes(found);
        found.head_start = tokens_[0].start, found.head_end = tokens_[source_].end;
        if (above_ < size_) found.tail_start = tokens_[above_].start, found.tail_end = tokens_[size_ - 1].end;
        return found;
    }

    void add_filter(PlainRelation &relation, const Conjunct &conjunct) const {
        relation.filters.push_back(conjunct.qualified);
        if (!relation.understood) return;
        ConditionReader reader(tokens_, conjunct.low, conjunct.high);
        try {
            relation.conditions.push_back(reader.disjunction());
        } catch (const ConditionReader::Unknown &) {
            relation.understood = false;
        }
        relation.understood = relation.understood && reader.done();
        if (!relation.understood) relation.conditions.clear();
    }

    PlainPredicate predicate(const Conjunct &conjunct) const {
        PlainPredicate found;
        found.sql = conjunct.qualified;
        found.relations = conjunct.relations;
        found.equality = is_equality(conjunct);
        if (found.equality) found.left = conjunct.columns[0], found.right = conjunct.columns[1];
        return found;
    }

    bool is_equality(const Conjunct &conjunct) const {
        const std::size_t low = conjunct.low, high = conjunct.high;
        bool equals = false;
        for (std::size_t at = low; at < high; ++at) equals |= tokens_[at].text == "=";
        if (conjunct.columns.size() != 2 || !equals) return false;
        int signs = 0;
        each_top(low, high, [&](std::size_t at) {
            signs += tokens_[at].kind == Kind::sign && tokens_[at].text != ".";
            return true;
        });
        auto name_size = [&](std::size_t at) { return std::size_t(sign(std::min(at + 1, high - 1), ".") ? 3 : 1); };
        const std::size_t middle = low + name_size(low);
        const bool plain = signs == 1 && middle < high && sign(middle, "=") && high - middle - 1 == name_size(middle + 1);
        if (!plain) {
            if (tokens_[low].text == "(" || tokens_[high - 1].text == ")") refuse("an equality is not plain");
            return false;
        }
        return column_of(conjunct.columns[0]).type == column_of(conjunct.columns[1]).type;
    }

    // The closures of the equalities, in the order of JoinGraph.classes.
    void find_classes(PlainQuery &found) const {
        auto before = [&](Place a, Place b) {
            return a.relation != b.relation ? a.relation < b.relation : column_of(a).name < column_of(b).name;
        };
        std::map<Place, Place> parent;
        auto root = [&](Place place) {
            parent.try_emplace(place, place);
            while (!(parent[place] == place)) place = parent[place];
            return place;
        };
        for (const PlainPredicate &predicate : found.predicates) {
            if (!predicate.equality) continue;
            const Place left = root(predicate.left), right = root(predicate.right);
            if (left < right)
                parent[right] = left;
            else
                parent[left] = right;
        }
        std::map<Place, std::vector<Place>> groups;
        for (const auto &entry : parent) groups[root(entry.first)].push_back(entry.first);
        for (auto &[first, group] : groups) {
            std::sort(group.begin(), group.end(), before);
            found.classes.push_back(std::move(group));
        }
        std::sort(found.classes.begin(), found.classes.end(),
                  [&](const auto &a, const auto &b) { return before(a[0], b[0]); });
    }

    std::string_view sql_;
    std::vector<Token> tokens_;
    std::size_t size_;
    const PlainTables &catalogue_;
    const Vocabulary &words_;
    std::vector<std::size_t> closing_;  // 0: nothing opens here
    std::size_t source_ = 0, where_ = 0, above_ = 0;
    std::vector<int> tables_;
    std::vector<std::string> aliases_, texts_;
    std::unordered_map<std::string, int> names_;
    std::vector<On> on_;
};

}  // namespace

PlainQuery read_plain(std::string_view sql, const PlainTables &tables, const Vocabulary &words) {
    Scanned scanned = scan(sql);
    if (!scanned.plain) throw Refused{"not plain enough for the quick reader", false};
    std::vector<Token> &tokens = scanned.tokens;
    // The very first word may be a strange one.
    for (std::size_t at = 1; at < tokens.size(); ++at)
        if (tokens[at].kind == Kind::word && words.strange.count(tokens[at].text)) throw Refused{"has " + tokens[at].text, false};
    while (!tokens.empty() && tokens.back().kind == Kind::sign && tokens.back().text == ";") tokens.pop_back();
    return Reader(sql, std::move(tokens), tables, words).read();
}

}  // namespace joinopt
