#include "smelt/shrink/shrink.h"

#include <algorithm>
#include <tuple>

#include "smelt/eval/summary.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/shrink/mixes.h"

namespace smelt {
namespace {

/// Enough to order layers by; each costs a run of the model for every layer.
constexpr int64_t kSensitivitySamples = 32;

class Shrinker {
 public:
  Shrinker(Model model, DatasetPtr calibration, const Dataset& data, const ShrinkOptions& options)
      : calibration_(std::move(calibration)), data_(data), options_(options) {
    QuantizeResult prepared = quantize(std::move(model), calibration_,
                                       {.calibrate = options.calibrate,
                                        .recipe = scheme("int8-float-fallback"),
                                        .pipeline = options.pipeline});
    stats_ = std::move(prepared.stats);
    result_.float_model = std::move(prepared.float_model);
  }

  ShrinkResult run() && {
    result_.float_bytes = tflite::file_bytes(result_.float_model);
    result_.baseline = measure(result_.float_model);
    for (Rung& rung : rungs()) weigh(std::move(rung));
    std::stable_sort(result_.attempts.begin(), result_.attempts.end(),
                     [](const Attempt& a, const Attempt& b) { return a.bytes < b.bytes; });
    for (size_t i = 0; i < result_.attempts.size() && !result_.chosen; ++i) try_rung(i);
    if (result_.chosen) {
      result_.attempts.resize(*result_.chosen + 1);
    } else {
      choose_closest();
    }
    mark_pareto();
    result_.micro = micro_support(result_.quantized.model);
    return std::move(result_);
  }

 private:
  Evaluation measure(const Model& model) const {
    return evaluate(model, data_, {.threads = options_.threads, .progress = options_.progress});
  }

  std::vector<Rung> rungs() const {
    std::vector<Rung> all = ladder(options_.target);
    const Recipe int4 = all.front().recipe;
    std::vector<Int4Cost> costs = measure_int4(result_.float_model, stats_, int4, calibration_,
                                               kSensitivitySamples, options_.threads);
    for (Rung& mix : int4_mixes(result_.float_model.main(), int4, std::move(costs))) {
      all.push_back(std::move(mix));
    }
    for (Rung& rung : all) {
      if (options_.io) rung.recipe.io = *options_.io;
    }
    return all;
  }

  QuantizeResult make(const Rung& rung, bool recover) const {
    QuantizeOptions how{.calibrate = options_.calibrate, .recipe = rung.recipe};
    if (recover) {
      how.recover = parse_recovery("all");
      how.recover.threads = options_.threads;
      how.recover.progress = options_.progress;
    }
    return requantize(result_.float_model, stats_, calibration_, how);
  }

  /// Size, memory and support of a rung, which recovery does not change.
  void weigh(Rung rung) {
    const Model model = make(rung, false).model;
    Attempt attempt{.rung = std::move(rung),
                    .bytes = tflite::file_bytes(model),
                    .arena = micro_arena_bytes(model)};
    if (options_.target == Target::tflm) attempt.unsupported = micro_support(model).obstacles;
    const Budget& budget = options_.budget;
    if (!attempt.unsupported.empty()) attempt.missed.push_back(Limit::target);
    if (budget.flash && attempt.bytes > *budget.flash) attempt.missed.push_back(Limit::flash);
    if (budget.ram && (!attempt.arena || *attempt.arena > *budget.ram)) {
      attempt.missed.push_back(Limit::ram);
    }
    result_.attempts.push_back(std::move(attempt));
  }

  void try_rung(size_t i) {
    if (!result_.attempts[i].missed.empty()) return;
    evaluate_rung(i);
    if (result_.attempts[i].missed.empty()) result_.chosen = i;
  }

  /// Keeps the model if none before it missed less.
  void evaluate_rung(size_t i) {
    Attempt& attempt = result_.attempts[i];
    QuantizeResult quantized = make(attempt.rung, attempt.rung.recover);
    attempt.evaluation = measure(quantized.model);
    const Evaluation& small = *attempt.evaluation;
    const Evaluation& base = result_.baseline;
    if (base.accuracy) {
      attempt.paired = compare_paired(base.hits, small.hits);
      attempt.drop = *base.accuracy - *small.accuracy;
    } else if (base.loss && small.loss) {
      attempt.drop = *base.loss > 0 ? *small.loss / *base.loss - 1 : *small.loss;
    } else {
      fail(ErrorKind::bad_argument, "the data gives neither an accuracy nor a loss to hold on to");
    }
    if (attempt.drop > options_.budget.max_drop) attempt.missed.push_back(Limit::drop);
    if (closest_ && badness(attempt) >= badness(result_.attempts[*closest_])) return;
    closest_ = i;
    result_.quantized = std::move(quantized);
  }

  static std::tuple<size_t, double, int64_t> badness(const Attempt& attempt) {
    return {attempt.missed.size(), attempt.drop, attempt.bytes};
  }

  /// Nothing met all limits. Where budgets ruled out every rung, what the smallest one loses is of
  /// interest all the same.
  void choose_closest() {
    const std::vector<Attempt>& attempts = result_.attempts;
    if (!closest_) {
      const auto supported = std::find_if(attempts.begin(), attempts.end(),
                                          [](const Attempt& a) { return a.unsupported.empty(); });
      evaluate_rung(
          supported == attempts.end() ? 0 : static_cast<size_t>(supported - attempts.begin()));
    }
    result_.closest = *closest_;
  }

  void mark_pareto() {
    for (Attempt& a : result_.attempts) {
      a.pareto =
          a.evaluation &&
          std::none_of(result_.attempts.begin(), result_.attempts.end(), [&](const Attempt& b) {
            return b.evaluation && &a != &b && b.bytes <= a.bytes && b.drop <= a.drop &&
                   (b.bytes < a.bytes || b.drop < a.drop);
          });
    }
  }

  DatasetPtr calibration_;
  const Dataset& data_;
  const ShrinkOptions& options_;
  Stats stats_;
  std::optional<size_t> closest_;  ///< of the rungs evaluated so far; its model is kept
  ShrinkResult result_;
};

}  // namespace

std::string_view name(Limit limit) {
  switch (limit) {
    case Limit::flash:
      return "flash";
    case Limit::ram:
      return "ram";
    case Limit::drop:
      return "drop";
    case Limit::target:
      return "target";
  }
  return "";
}

ShrinkResult shrink(Model model, const DatasetPtr& calibration, const Dataset& data,
                    const ShrinkOptions& options) {
  return Shrinker(std::move(model), calibration, data, options).run();
}

}  // namespace smelt
