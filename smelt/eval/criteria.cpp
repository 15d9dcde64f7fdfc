#include "smelt/eval/criteria.h"

namespace smelt {

std::vector<Verdict> judge(const Criteria& criteria, int64_t source_bytes, const Measured& baseline,
                           const Measured& candidate) {
  std::vector<Verdict> verdicts;
  if (criteria.min_ratio) {
    const double ratio = static_cast<double>(source_bytes) / static_cast<double>(candidate.bytes);
    verdicts.push_back({"min_ratio", *criteria.min_ratio, ratio, ratio >= *criteria.min_ratio});
  }
  if (criteria.max_drop) {
    if (!baseline.evaluation.accuracy || !candidate.evaluation.accuracy) {
      fail(ErrorKind::bad_argument, "a drop in accuracy needs data with labels");
    }
    const double drop = *baseline.evaluation.accuracy - *candidate.evaluation.accuracy;
    verdicts.push_back({"max_drop", *criteria.max_drop, drop, drop <= *criteria.max_drop});
  }
  return verdicts;
}

}  // namespace smelt
