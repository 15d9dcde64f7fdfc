#include "smelt/eval/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "smelt/run/dataset_inputs.h"
#include "smelt/run/real_values.h"

namespace smelt {
namespace {

constexpr double kLeastProbability = 1e-7;
constexpr int64_t kMostConfusionClasses = 4096;

/// What is known of one sample; samples are filled in by workers and summed in order, so that the
/// sums do not depend on the number of threads.
struct Outcome {
  int32_t predicted = 0;
  float loss = 0;
};

bool is_distribution(std::span<const float> scores) {
  double sum = 0;
  for (const float s : scores) {
    if (s < 0 || s > 1) return false;
    sum += s;
  }
  // An int8 softmax is off by up to half a step of 1/256 in every class.
  return scores.size() == 1 || std::abs(sum - 1) < 1e-3 + static_cast<double>(scores.size()) / 256;
}

float cross_entropy(std::span<const float> scores, int32_t label) {
  const double p = scores.size() > 1 ? scores[static_cast<size_t>(label)]
                   : label == 1      ? scores[0]
                                     : 1 - scores[0];
  return static_cast<float>(-std::log(std::max(p, kLeastProbability)));
}

float mean_squared_error(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return static_cast<float>(sum / static_cast<double>(std::max<size_t>(a.size(), 1)));
}

/// What samples are compared with.
enum class Reference { labels, targets, input };

Reference choose_reference(const Graph& graph, const Dataset& dataset) {
  const int64_t outputs = graph.tensor(graph.outputs().at(0)).shape.elements();
  if (dataset.has_labels()) {
    const int64_t classes = outputs == 1 ? 2 : outputs;
    if (dataset.class_count() > classes) {
      fail(ErrorKind::bad_argument, "the data has {} classes but the model's output has {} values",
           dataset.class_count(), outputs);
    }
    return Reference::labels;
  }
  if (dataset.has_targets()) {
    if (dataset.target_shape().elements() == outputs) return Reference::targets;
    fail(ErrorKind::bad_argument, "the data has targets of {} but the model's output is {}",
         to_string(dataset.target_shape()), to_string(graph.tensor(graph.outputs().at(0)).shape));
  }
  if (dataset.input_shape(0).elements() == outputs) return Reference::input;
  fail(ErrorKind::bad_argument,
       "the data ({}) has neither labels nor targets to compare outputs with; an .npz file gives "
       "them under the key y",
       dataset.description());
}

class Evaluator {
 public:
  Evaluator(const Graph& graph, const Dataset& dataset)
      : dataset_(dataset),
        output_(graph.tensor(graph.outputs().at(0))),
        reference_(choose_reference(graph, dataset)),
        outcomes_(static_cast<size_t>(dataset.size())) {}

  void store(int64_t sample, const SampleOutputs& outputs) {
    thread_local std::vector<float> scores, wanted;
    scores.resize(static_cast<size_t>(output_.shape.elements()));
    if (outputs.shape(0).elements() != output_.shape.elements()) {
      fail(ErrorKind::unsupported,
           "the output has shape {}, where the model says {}; only outputs of one size can be "
           "compared",
           to_string(outputs.shape(0)), to_string(output_.shape));
    }
    load_real(output_, outputs.bytes(0), scores);
    Outcome& outcome = outcomes_[static_cast<size_t>(sample)];
    if (reference_ == Reference::labels) {
      outcome.predicted = predicted_class(scores);
      outcome.loss =
          is_distribution(scores) ? cross_entropy(scores, dataset_.label(sample)) : std::nanf("");
      return;
    }
    wanted.resize(scores.size());
    if (reference_ == Reference::targets) {
      dataset_.read_target(sample, wanted);
    } else {
      dataset_.read(sample, 0, wanted);
    }
    outcome.loss = mean_squared_error(scores, wanted);
  }

  Evaluation result() const {
    Evaluation result;
    result.samples = dataset_.size();
    double loss = 0;
    for (const Outcome& outcome : outcomes_) loss += outcome.loss;
    // One output that is no distribution (raw scores) makes the sum NaN: no cross entropy then.
    if (!std::isnan(loss)) result.loss = loss / static_cast<double>(result.samples);
    result.loss_name = reference_ == Reference::labels    ? "cross_entropy"
                       : reference_ == Reference::targets ? "mse"
                                                          : "reconstruction_mse";
    if (reference_ == Reference::labels) classify(result);
    return result;
  }

 private:
  void classify(Evaluation& result) const {
    const auto outputs = std::max<int64_t>(output_.shape.elements(), 2);
    if (outputs <= kMostConfusionClasses)
      result.confusion = ConfusionMatrix(static_cast<int>(outputs));
    int64_t correct = 0;
    result.hits.resize(static_cast<size_t>(result.samples));
    for (int64_t i = 0; i < result.samples; ++i) {
      const int32_t truth = dataset_.label(i);
      const int32_t predicted = outcomes_[static_cast<size_t>(i)].predicted;
      const bool right = truth == predicted;
      correct += right;
      result.hits[static_cast<size_t>(i)] = right;
      if (result.confusion.classes() > 0) result.confusion.add(truth, predicted);
    }
    result.accuracy = static_cast<double>(correct) / static_cast<double>(result.samples);
    result.accuracy_interval = wilson_interval(correct, result.samples);
    result.class_names = dataset_.class_names();
  }

  const Dataset& dataset_;
  Tensor output_;
  Reference reference_;
  std::vector<Outcome> outcomes_;
};

}  // namespace

Evaluation evaluate(const Model& model, const Dataset& dataset, const EvaluateOptions& options) {
  SampleRunOptions run;
  run.threads = options.threads;
  run.numerics = options.numerics;
  run.progress = options.progress;
  run.stage = "evaluating";
  const auto program = prepare_for_samples(model, dataset.size(), run);
  check_inputs(model.main(), dataset);
  Evaluator evaluator(model.main(), dataset);
  const SampleLoader loader(model.main(), dataset);

  const auto start = std::chrono::steady_clock::now();
  run_samples(
      program, dataset.size(), run, loader,
      [&](int64_t sample, const SampleOutputs& outputs) { evaluator.store(sample, outputs); });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

  Evaluation result = evaluator.result();
  result.seconds = elapsed.count();
  result.samples_per_second = static_cast<double>(result.samples) / result.seconds;
  return result;
}

}  // namespace smelt
