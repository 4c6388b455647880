// The heuristics that the papers propose, on the same flat tree and with the same leaves.
#pragma once
#include <optional>
#include <string>

#include "neurocuts_rules.h"

namespace neurocuts {

// One of hicuts, hypercuts, efficuts, cutsplit, hypersplit; nothing when it does not end within the seconds or nodes.
std::optional<Flat> baseline(const Rules &rules, const std::string &name, double seconds);

}  // namespace neurocuts
