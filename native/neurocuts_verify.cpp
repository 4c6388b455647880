// A packet's answer from a tree is the lowest rule among the leaves it reaches, and leaves compare whole rules, so a tree
// never answers a rule that does not match. What has to be proven is that the first matching rule is always reached.
// `Prover` walks the tree with the rules that still have to be found: a rule is dropped where rules of higher priority
// cover all that is left of it (then it is nobody's first match), handed to the part of a partition that lists it, and
// has to be listed in the leaf at the end. Rules that are found elsewhere may travel along marked `FOUND`: they hide others.
#include "neurocuts_verify.h"

#include <optional>

namespace neurocuts {

namespace {

bool intersect(const Box &box, const Range *rule, int columns, Box &out) {
    for (int c = 0; c < columns; c++) {
        out.side[c] = {std::max(box.side[c].low, rule[c].low), std::min(box.side[c].high, rule[c].high)};
        if (out.side[c].low > out.side[c].high) return false;
    }
    return true;
}

// What bit selections on the way down say: x & mask == value, column by column.
struct Chosen {
    uint32_t mask[MAX_COLUMNS] = {}, value[MAX_COLUMNS] = {};

    // The least value from `from` on with these bits, if there is one.
    std::optional<uint32_t> least(int column, uint32_t from) const {
        const uint32_t m = mask[column], v = value[column];
        const uint32_t wrong = (from ^ v) & m;
        if (!wrong) return from;
        const int top = 31 - __builtin_clz(wrong);
        const uint32_t below = (1u << top) - 1;
        if (v >> top & 1) return (from & ~below) | 1u << top | (v & below);  // a bit rises: all below may be least
        // A bit falls: the lowest free 0 above it has to rise.
        const uint32_t above = ~(below | 1u << top);
        const uint32_t rises = ~from & ~m & above;
        if (!rises) return std::nullopt;
        const uint32_t bit = rises & (0u - rises);
        return (from & ~(bit - 1)) | bit | (v & (bit - 1));
    }
    bool meets(int column, Range r) const {
        if (!mask[column]) return r.low <= r.high;
        const auto found = least(column, r.low);
        return found && *found <= r.high;
    }
};

// Box minus the rules from `at` on, depth first; the first piece that nothing covers is the answer.
std::optional<Box> uncovered(const Rules &rules, Box piece, const List &by, size_t at, const Chosen &chosen) {
    for (int c = 0; c < rules.columns; c++)
        if (!chosen.meets(c, piece.side[c])) return std::nullopt;
    for (; at < by.size(); at++) {
        Box common;
        const Range *rule = rules.row(by[at]);
        if (!intersect(piece, rule, rules.columns, common)) continue;
        for (int c = 0; c < rules.columns; c++) {
            if (common.side[c].low > piece.side[c].low) {
                Box left = piece;
                left.side[c].high = common.side[c].low - 1;
                if (auto found = uncovered(rules, left, by, at + 1, chosen)) return found;
                piece.side[c].low = common.side[c].low;
            }
            if (common.side[c].high < piece.side[c].high) {
                Box right = piece;
                right.side[c].low = common.side[c].high + 1;
                if (auto found = uncovered(rules, right, by, at + 1, chosen)) return found;
                piece.side[c].high = common.side[c].high;
            }
        }
        return std::nullopt;
    }
    return piece;
}

std::vector<uint32_t> outside_within(const Rules &rules, uint32_t what, const Box &box, const List &by, const Chosen &chosen) {
    Box mine;
    if (!intersect(box, rules.row(what), rules.columns, mine)) return {};
    const auto found = uncovered(rules, mine, by, 0, chosen);
    std::vector<uint32_t> point;
    if (found)
        for (int c = 0; c < rules.columns; c++) point.push_back(*chosen.least(c, found->side[c].low));
    return point;
}

constexpr size_t COMPARED = 256;
constexpr uint32_t FOUND = 0x80000000u;
uint32_t plain(uint32_t entry) { return entry & ~FOUND; }

struct Prover {
    const TreeView &tree;
    const Rules &rules;
    Proof proof;
    Chosen chosen;  // on the path to where the proof is
    bool scattered = false;  // some bit is chosen

    // What the leaves below a node list.
    List gather(int32_t node) {
        List out;
        std::vector<int32_t> stack{node};
        while (!stack.empty()) {
            const int32_t at = stack.back();
            stack.pop_back();
            const int64_t first = tree.first[at];
            if (tree.kind[at] == LEAF) {
                out.insert(out.end(), tree.rule_ids + first, tree.rule_ids + first + tree.count[at]);
                continue;
            }
            for (int32_t i = 0; i < tree.count[at]; i++) {
                const int32_t child = tree.children[first + i];
                if (child >= 0 && (i == 0 || child != tree.children[first + i - 1])) stack.push_back(child);
            }
        }
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }

    // Every rule of `need` has to be one of `there`, or be covered by those before it, within the box.
    bool region(const List &need, const Box &box, const int32_t *there, size_t n_there) {
        proof.cells++;
        for (size_t i = 0; i < need.size(); i++) {
            if (need[i] & FOUND || std::binary_search(there, there + n_there, int32_t(need[i]))) continue;
            if (!hidden(need, i, box)) return false;
        }
        return true;
    }

    // True when rules of higher priority hold every packet of need[i] in the box; else notes a packet that they do not.
    bool hidden(const List &need, size_t i, const Box &box) {
        for (size_t j = 0; j < i; j++)
            if (covers(rules, plain(need[j]), need[i], box)) return true;
        List before;
        for (size_t j = 0; j < i; j++) before.push_back(plain(need[j]));
        proof.packet = outside_within(rules, need[i], box, before, chosen);
        proof.rule = int32_t(need[i]);
        return proof.packet.empty();
    }

    // Rules of a list that meet a box, without those below one that covers it whole.
    List within(const List &need, const Box &box) const {
        List out;
        for (uint32_t r : need) {
            const Range *rule = rules.row(plain(r));
            bool meets = true, whole = true;
            for (int c = 0; c < rules.columns && meets; c++) {
                meets = rule[c].low <= box.side[c].high && rule[c].high >= box.side[c].low;
                whole = whole && rule[c].low <= box.side[c].low && rule[c].high >= box.side[c].high;
            }
            if (scattered)
                for (int c = 0; c < rules.columns && meets; c++)
                    meets = chosen.meets(c, {std::max(rule[c].low, box.side[c].low), std::min(rule[c].high, box.side[c].high)});
            if (!meets) continue;
            out.push_back(r);
            if (whole) break;
        }
        if (out.size() > 1 && out.size() <= COMPARED) {  // what one rule before it hides is nobody's first match
            size_t kept = 0;
            for (uint32_t r : out) {
                bool hidden = false;
                for (size_t j = 0; j < kept && !hidden; j++) hidden = covers(rules, plain(out[j]), plain(r), box);
                if (!hidden) out[kept++] = r;
            }
            out.resize(kept);
        }
        return out;
    }

    bool empty_region(const List &need, const Box &box) { return region(within(need, box), box, nullptr, 0); }

    bool child(int32_t node, const List &need, const Box &box) {
        const List left = within(need, box);
        if (std::all_of(left.begin(), left.end(), [](uint32_t r) { return r & FOUND; })) return true;
        if (node < 0) return region(left, box, nullptr, 0);
        return walk(node, left, box);
    }

    bool walk(int32_t node, const List &need, const Box &box) {
        const int64_t first = tree.first[node];
        switch (tree.kind[node]) {
            case LEAF: return region(need, box, tree.rule_ids + first, size_t(tree.count[node]));
            case CUT: return cut(node, need, box);
            case SPLIT: return split(node, need, box);
            case BITS: return bits(node, need, box);
            case GRID: return grid(node, need, box, 0, 0);
            default: return partition(node, need, box);
        }
    }

    bool cut(int32_t node, const List &need, const Box &box) {
        const int c = tree.dim[node], shift = tree.shift[node];
        const uint64_t low = uint64_t(tree.base[node]) << shift, count = uint64_t(tree.count[node]);
        const Range side = box.side[c];
        Box part = box;
        if (side.low < low) {
            part.side[c] = {side.low, uint32_t(std::min<uint64_t>(side.high, low - 1))};
            if (!empty_region(need, part)) return false;
        }
        const uint64_t end = low + (count << shift);
        if (side.high >= end) {
            part.side[c] = {uint32_t(std::max<uint64_t>(side.low, end)), side.high};
            if (!empty_region(need, part)) return false;
        }
        const int32_t *cells = tree.children + tree.first[node];
        for (uint64_t i = 0; i < count;) {
            uint64_t j = i + 1;
            while (j < count && cells[j] == cells[i]) j++;
            const uint64_t from = low + (i << shift), to = low + (j << shift) - 1;
            if (from <= side.high && to >= side.low) {
                part.side[c] = {uint32_t(std::max<uint64_t>(side.low, from)), uint32_t(std::min<uint64_t>(side.high, to))};
                if (!child(cells[i], need, part)) return false;
            }
            i = j;
        }
        return true;
    }

    bool split(int32_t node, const List &need, const Box &box) {
        const int c = tree.dim[node];
        const uint32_t *bounds = tree.bounds + tree.base[node];
        const Range side = box.side[c];
        const int32_t count = tree.count[node];
        for (int32_t i = 0; i < count; i++) {
            const uint32_t from = i ? bounds[i - 1] : 0;
            const uint32_t to = i + 1 < count ? bounds[i] - 1 : 0xFFFFFFFFu;
            if (from > side.high || to < side.low) continue;
            Box part = box;
            part.side[c] = {std::max(side.low, from), std::min(side.high, to)};
            if (!child(tree.children[tree.first[node] + i], need, part)) return false;
        }
        return true;
    }

    // The bits of a cell are kept beside the box. Cells that contradict bits chosen above are empty.
    bool bits(int32_t node, const List &need, const Box &box) {
        const int c = tree.dim[node];
        const uint32_t mask = tree.mask[node];
        const Chosen before = chosen;
        const bool any = scattered;
        scattered = true;
        bool right = true;
        uint32_t value = 0;  // the bits of cell i, in their places
        for (int32_t i = 0; i < tree.count[node] && right; i++, value = ((value | ~mask) + 1) & mask) {
            if ((before.value[c] ^ value) & before.mask[c] & mask) continue;
            chosen.mask[c] = before.mask[c] | mask;
            chosen.value[c] = (before.value[c] & before.mask[c]) | value;
            if (chosen.meets(c, box.side[c])) right = child(tree.children[tree.first[node] + i], need, box);
        }
        chosen = before;
        scattered = any;
        return right;
    }

    bool grid(int32_t node, const List &need, const Box &box, int term, int64_t cell) {
        if (term == tree.shift[node]) return child(tree.children[tree.first[node] + cell], need, box);
        const uint32_t *row = tree.terms + 4 * (size_t(tree.base[node]) + term);
        const int c = int(row[0]), shift = int(row[1]);
        const uint64_t low = uint64_t(row[2]) << shift, count = row[3], end = low + (count << shift);
        const Range side = box.side[c];
        Box part = box;
        if (side.low < low) {
            part.side[c] = {side.low, uint32_t(std::min<uint64_t>(side.high, low - 1))};
            if (!empty_region(need, part)) return false;
        }
        if (side.high >= end) {
            part.side[c] = {uint32_t(std::max<uint64_t>(side.low, end)), side.high};
            if (!empty_region(need, part)) return false;
        }
        for (uint64_t i = 0; i < count; i++) {
            const uint64_t from = low + (i << shift), to = from + (uint64_t(1) << shift) - 1;
            if (from > side.high || to < side.low) continue;
            part.side[c] = {uint32_t(std::max<uint64_t>(side.low, from)), uint32_t(std::min<uint64_t>(side.high, to))};
            if (!grid(node, within(need, part), part, term + 1, cell * int64_t(count) + int64_t(i))) return false;
        }
        return true;
    }

    // A rule that no leaf lists: somebody hid it cell by cell. The cells of the part in which most rules before it lie are
    // tried first as a way to take its box apart; any way is as good a proof. At last the box is taken as a whole.
    bool hidden_in_cells(int32_t node, const List &need, size_t i, const std::vector<List> &has, const Box &box) {
        std::vector<std::pair<size_t, size_t>> order;
        std::vector<List> views(has.size());
        Box mine;
        if (!intersect(box, rules.row(need[i]), rules.columns, mine)) return true;
        for (size_t p = 0; p < has.size(); p++) {
            for (size_t j = 0; j < i; j++) {
                Box common;
                if (std::binary_search(has[p].begin(), has[p].end(), plain(need[j])) &&
                    intersect(mine, rules.row(plain(need[j])), rules.columns, common))
                    views[p].push_back(plain(need[j]) | FOUND);
            }
            order.emplace_back(views[p].size(), p);
            views[p].push_back(need[i]);
        }
        std::sort(order.rbegin(), order.rend());
        for (const auto &[met, p] : order)
            if (met && child(tree.children[tree.first[node] + int64_t(p)], views[p], mine)) return true;
        return hidden(need, i, box);
    }

    bool partition(int32_t node, const List &need, const Box &box) {
        const int64_t first = tree.first[node];
        const int32_t count = tree.count[node];
        std::vector<List> parts(count), has(count);
        for (int32_t p = 0; p < count; p++)
            if (tree.children[first + p] >= 0) has[p] = gather(tree.children[first + p]);
        for (size_t i = 0; i < need.size(); i++) {
            if (need[i] & FOUND) continue;
            bool placed = false;
            for (int32_t p = 0; p < count && !placed; p++)
                if (std::binary_search(has[p].begin(), has[p].end(), need[i])) parts[p].push_back(need[i]), placed = true;
            if (!placed && !hidden_in_cells(node, need, i, has, box)) return false;
        }
        for (int32_t p = 0; p < count; p++) {
            if (parts[p].empty() || child(tree.children[first + p], parts[p], box)) continue;
            List all;  // rules of other parts may hide what this one misses
            for (uint32_t r : need)
                all.push_back(std::binary_search(parts[p].begin(), parts[p].end(), r) ? r : r | FOUND);
            if (!child(tree.children[first + p], all, box)) return false;
        }
        return true;
    }
};

}  // namespace

std::vector<uint32_t> outside(const Rules &rules, uint32_t what, const Box &box, const List &by) {
    return outside_within(rules, what, box, by, Chosen());
}

std::string malformed(const TreeView &tree, const Rules &rules) {
    auto at = [](int64_t node, const char *what) { return "node " + std::to_string(node) + ": " + what; };
    if (!tree.nodes) return "the tree has no node";
    for (size_t n = 0; n < tree.nodes; n++) {
        const int64_t first = tree.first[n], count = tree.count[n];
        const bool leaf = tree.kind[n] == LEAF;
        if (tree.kind[n] > PARTITION) return at(n, "unknown kind");
        if (count < 0 || first < 0 || uint64_t(first + count) > (leaf ? tree.n_rule_ids : tree.n_children))
            return at(n, "its children or rules are out of range");
        if (leaf) {
            for (int64_t i = first; i < first + count; i++)
                if (tree.rule_ids[i] < 0 || tree.rule_ids[i] >= rules.count || (i > first && tree.rule_ids[i] <= tree.rule_ids[i - 1]))
                    return at(n, "its rules are out of range or not ascending");
            continue;
        }
        for (int64_t i = first; i < first + count; i++)
            if (tree.children[i] < -1 || tree.children[i] >= int64_t(tree.nodes) || (tree.children[i] >= 0 && tree.children[i] <= int64_t(n)))
                return at(n, "a child does not come after it");
        if (tree.kind[n] != PARTITION && tree.dim[n] >= rules.columns) return at(n, "no such column");
        if (tree.kind[n] == CUT && (tree.shift[n] > 31 || !count)) return at(n, "a cut without cells");
        if (tree.kind[n] == SPLIT) {
            if (!count || tree.base[n] + uint64_t(count - 1) > tree.n_bounds) return at(n, "its boundaries are out of range");
            for (int64_t i = 1; i + 1 < count; i++)
                if (tree.bounds[tree.base[n] + i] <= tree.bounds[tree.base[n] + i - 1]) return at(n, "its boundaries do not ascend");
            if (count > 1 && !tree.bounds[tree.base[n]]) return at(n, "its first boundary is 0");
        }
        if (tree.kind[n] == BITS && (__builtin_popcount(tree.mask[n]) > 24 || count != int64_t(1) << __builtin_popcount(tree.mask[n])))
            return at(n, "its cells and selected bits differ in number");
        if (tree.kind[n] == GRID) {
            if (tree.base[n] + uint64_t(tree.shift[n]) > tree.n_terms) return at(n, "its terms are out of range");
            uint64_t cells = 1;
            for (int t = 0; t < tree.shift[n]; t++) {
                const uint32_t *row = tree.terms + 4 * (size_t(tree.base[n]) + t);
                if (row[0] >= uint32_t(rules.columns) || row[1] > 31) return at(n, "a term has no such column or shift");
                cells *= row[3];
                if (cells > uint64_t(count)) break;
            }
            if (cells != uint64_t(count)) return at(n, "its terms and cells differ in number");
        }
    }
    return "";
}

Proof prove(const TreeView &tree, const Rules &rules) {
    Proof proof;
    proof.fault = malformed(tree, rules);
    if (!proof.fault.empty()) return proof;
    Prover prover{tree, rules, {}, {}};
    List all(rules.count);
    for (int i = 0; i < rules.count; i++) all[i] = uint32_t(i);
    const Box box = whole(rules);
    const bool ok = prover.walk(0, prover.within(all, box), box);
    proof = std::move(prover.proof);
    proof.ok = ok;
    if (ok) proof.packet.clear(), proof.rule = -1;
    return proof;
}

}  // namespace neurocuts
