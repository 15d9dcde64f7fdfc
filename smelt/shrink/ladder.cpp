#include "smelt/shrink/ladder.h"

#include "smelt/base/error.h"

namespace smelt {
namespace {

Rung rung(std::string_view scheme_name, bool recover) {
  Rung rung{.name = std::string(scheme_name), .recipe = scheme(scheme_name), .recover = recover};
  rung.recipe.fallback = true;
  if (recover) rung.name += " + recovery";
  return rung;
}

}  // namespace

std::string_view name(Target target) { return target == Target::litert ? "litert" : "tflm"; }

Target parse_target(std::string_view text) {
  for (const Target target : {Target::litert, Target::tflm}) {
    if (text == name(target)) return target;
  }
  fail(ErrorKind::bad_argument, "'{}' is no target; there are litert and tflm", text);
}

std::vector<Rung> ladder(Target target) {
  std::vector<Rung> rungs{rung("int4", true), rung("int8", false), rung("int8", true),
                          rung("int16x8", false), rung("none", false)};
  if (target == Target::litert) {
    for (Rung& extra : std::vector<Rung>{rung("dynamic-int4", true), rung("dynamic", false),
                                         rung("float16", false)}) {
      rungs.push_back(std::move(extra));
    }
  }
  return rungs;
}

}  // namespace smelt
