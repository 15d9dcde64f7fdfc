#include "smelt/train/distill.h"

#include <cmath>

#include "smelt/base/error.h"
#include "smelt/train/loss_rows.h"
#include "smelt/train/run_tasks.h"
#include "smelt/train/teacher.h"

namespace smelt::train {
namespace {

/// The tensor in front of the op that makes `output` probabilities, else the output; conversions
/// from and to integers behind it are passed.
TensorId teacher_logits(const Graph& graph, TensorId output, LossForm form) {
  if (form == LossForm::values) return output;
  const OpType wanted = form == LossForm::softmax_logits ? OpType::softmax : OpType::logistic;
  TensorId at = output;
  while (const OpId producer = graph.producer(at)) {
    const Op& op = graph.op(producer);
    if (op.type == wanted) return op.input(0);
    if (op.type != OpType::dequantize && op.type != OpType::quantize) break;
    at = op.input(0);
  }
  return output;
}

/// One position: E values s of the student and t of the teacher; writes the derivative by s.
using SoftRow =
    std::function<double(std::span<const float> s, std::span<const float> t, std::span<double>)>;

double softmax_divergence(std::span<const float> s, std::span<const float> t, double temperature,
                          std::span<double> gradient) {
  std::vector<double> wanted(s.size());
  const double log_sum_t = softmax(t, temperature, wanted);
  const double log_sum_s = softmax(s, temperature, gradient);
  double divergence = 0;
  for (size_t e = 0; e < s.size(); ++e) {
    // log of a quotient of probabilities, from the logits: nothing underflows.
    const double difference = (t[e] - log_sum_t * temperature - s[e] + log_sum_s * temperature);
    if (wanted[e] > 0) divergence += wanted[e] * difference / temperature;
    gradient[e] = temperature * (gradient[e] - wanted[e]);
  }
  return temperature * temperature * divergence;
}

/// log(1 + exp(x)).
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

double sigmoid_divergence(std::span<const float> s, std::span<const float> t, double temperature,
                          std::span<double> gradient) {
  const auto entries = static_cast<double>(s.size());
  double divergence = 0;
  for (size_t e = 0; e < s.size(); ++e) {
    const double at = s[e] / temperature, wanted = t[e] / temperature;
    const double p = sigmoid(wanted);
    divergence +=
        p * (softplus(-at) - softplus(-wanted)) + (1 - p) * (softplus(at) - softplus(wanted));
    gradient[e] = temperature * (sigmoid(at) - p) / entries;
  }
  return temperature * temperature * divergence / entries;
}

double squared_difference(std::span<const float> s, std::span<const float> t,
                          std::span<double> gradient) {
  const auto entries = static_cast<double>(s.size());
  double sum = 0;
  for (size_t e = 0; e < s.size(); ++e) {
    const double difference = static_cast<double>(s[e]) - t[e];
    sum += difference * difference;
    gradient[e] = 2 * difference / entries;
  }
  return sum / entries;
}

SoftRow row_of(LossForm form, double temperature) {
  if (form == LossForm::values) return squared_difference;
  const auto divergence =
      form == LossForm::softmax_logits ? softmax_divergence : sigmoid_divergence;
  return [=](auto s, auto t, auto gradient) { return divergence(s, t, temperature, gradient); };
}

struct SoftTerm {
  const Teacher& teacher;
  size_t result;
  Value& student;
  int64_t positions;
  SoftRow row;
};

/// Mean over all positions; `factor` times its gradient goes to the student's value.
double run_term(const SoftTerm& term, const Step& step, LossGradient mode, double factor) {
  const int64_t entries = term.student.size / term.positions;
  const auto positions = static_cast<double>(step.samples * term.positions);
  const auto width = static_cast<size_t>(entries);
  const double sum = sum_over_samples(step, [&](RowRange samples) {
    std::vector<double> gradient(width);
    double part = 0;
    for (int64_t row = samples.begin * term.positions; row < samples.end * term.positions; ++row) {
      const float* t = term.teacher.sample(term.result, 0) + row * entries;
      part += term.row({term.student.data + row * entries, width}, {t, width}, gradient);
      if (mode == LossGradient::none) continue;
      add_gradient(gradient, factor / positions, mode == LossGradient::add,
                   term.student.grad + row * entries);
    }
    return part;
  });
  return step.samples > 0 ? sum / positions : 0;
}

void check(const DistillSettings& settings) {
  if (!(settings.temperature > 0 && std::isfinite(settings.temperature))) {
    fail(ErrorKind::bad_argument, "distillation: the temperature is {}; it must be > 0",
         settings.temperature);
  }
  if (!(settings.alpha >= 0 && settings.alpha <= 1)) {
    fail(ErrorKind::bad_argument, "distillation: alpha is {}; it must be in [0, 1]",
         settings.alpha);
  }
  if (!(settings.feature_weight >= 0)) {
    fail(ErrorKind::bad_argument, "distillation: the weight of features is {}; it must be >= 0",
         settings.feature_weight);
  }
}

void check_size(const Teacher& teacher, size_t result, const Value& student, const char* what) {
  if (teacher.size(result) == student.size) return;
  fail(ErrorKind::bad_argument,
       "{} '{}' of the student has shape {}, '{}' of the teacher {} values for a sample", what,
       student.name, to_string(student.shape), teacher.name(result), teacher.size(result));
}

}  // namespace

std::vector<TensorId> student_features(const Model& student, const DistillSettings& settings) {
  std::vector<TensorId> features;
  for (const FeaturePair& pair : settings.features) {
    features.push_back(find_feature(student.main(), pair.student, "student"));
  }
  return features;
}

Distillation::Distillation(const Model& student, const Module& module,
                           std::span<const OutputLoss> losses, const Model& teacher,
                           DistillSettings settings, const ModuleOptions& options)
    : settings_(std::move(settings)), losses_(losses), inputs_(module.inputs()) {
  check(settings_);
  const Graph& graph = teacher.main();
  if (graph.outputs().size() != losses_.size()) {
    fail(ErrorKind::bad_argument, "the teacher has {} outputs, the student {} losses",
         graph.outputs().size(), losses_.size());
  }
  std::vector<TensorId> results;
  for (size_t i = 0; i < losses_.size(); ++i) {
    results.push_back(teacher_logits(graph, graph.outputs()[i], losses_[i].loss.form()));
  }
  for (const FeaturePair& pair : settings_.features) {
    results.push_back(find_feature(graph, pair.teacher, "teacher"));
  }
  for (const TensorId id : student_features(student, settings_)) {
    Value* value = module.value(id);
    if (value == nullptr || value->grad == nullptr) {
      fail(ErrorKind::bad_argument, "feature '{}' of the student is no value that is trained",
           student.main().tensor(id).name);
    }
    features_.push_back(value);
  }
  teacher_ = std::make_unique<Teacher>(teacher, std::move(results), inputs_, options.max_samples,
                                       options.threads);
  for (size_t i = 0; i < losses_.size(); ++i) {
    check_size(*teacher_, i, *losses_[i].loss.value(), "output");
  }
  for (size_t i = 0; i < features_.size(); ++i) {
    check_size(*teacher_, losses_.size() + i, *features_[i], "feature");
  }
}

Distillation::~Distillation() = default;

void Distillation::run_teacher(const Step& step) { teacher_->run(step, inputs_); }

double Distillation::run(const Step& step, LossGradient gradient) const {
  double total = 0;
  for (size_t i = 0; i < losses_.size(); ++i) {
    const Loss& loss = losses_[i].loss;
    const double factor = (1 - settings_.alpha) * losses_[i].weight;
    const SoftRow row = row_of(loss.form(), settings_.temperature);
    total += factor *
             run_term({*teacher_, i, *loss.value(), loss.positions(), row}, step, gradient, factor);
  }
  const LossGradient mode =
      gradient == LossGradient::none ? LossGradient::none : LossGradient::write;
  for (size_t i = 0; i < features_.size(); ++i) {
    const double factor = settings_.feature_weight;
    total +=
        factor * run_term({*teacher_, losses_.size() + i, *features_[i], 1, squared_difference},
                          step, mode, factor);
  }
  return total;
}

}  // namespace smelt::train
