#include "smelt/train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/train/named.h"
#include "smelt/train/optimizer_rules.h"
#include "smelt/train/state.h"

namespace smelt::train {
namespace {

constexpr Named<OptimizerKind> kNames[] = {{"sgd", OptimizerKind::sgd},
                                           {"adam", OptimizerKind::adam},
                                           {"adamw", OptimizerKind::adamw},
                                           {"rmsprop", OptimizerKind::rmsprop}};

/// What one task updates: a fifth of a megabyte with its moments, which stays in the second cache.
constexpr int64_t kChunk = 16384;

struct Chunk {
  size_t parameter;
  int64_t begin, end;
};

bool takes_part(const Parameter& parameter) {
  return parameter.trainable && parameter.grad.size() == parameter.data.size();
}

std::vector<Chunk> chunks_of(const std::vector<Parameter*>& parameters) {
  std::vector<Chunk> chunks;
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (!takes_part(*parameters[p])) continue;
    const int64_t size = parameters[p]->size();
    for (int64_t begin = 0; begin < size; begin += kChunk) {
      chunks.push_back({p, begin, std::min(size, begin + kChunk)});
    }
  }
  return chunks;
}

/// By parameter; l2[p] goes with parameter p.
std::vector<double> norms_of(Workers& workers, const std::vector<Parameter*>& parameters,
                             const std::vector<float>& l2) {
  const std::vector<Chunk> chunks = chunks_of(parameters);
  std::vector<double> parts(chunks.size());
  workers.run(static_cast<int64_t>(chunks.size()), [&](int, int64_t task) {
    const Chunk& c = chunks[static_cast<size_t>(task)];
    const Parameter& p = *parameters[c.parameter];
    parts[static_cast<size_t>(task)] = squared_norm(
        p.data.data() + c.begin, p.grad.data() + c.begin, l2[c.parameter], c.end - c.begin);
  });
  std::vector<double> norms(parameters.size());
  for (size_t i = 0; i < chunks.size(); ++i) norms[chunks[i].parameter] += parts[i];
  return norms;
}

void check(const OptimizerSettings& s) {
  const auto part = [](const char* name, double value) {
    if (!(value >= 0 && value <= 1)) {
      fail(ErrorKind::bad_argument, "optimizer: {} is {}; it must be in [0, 1]", name, value);
    }
  };
  const auto positive = [](const char* name, double value) {
    if (!(value >= 0 && std::isfinite(value))) {
      fail(ErrorKind::bad_argument, "optimizer: {} is {}; it must be at least 0", name, value);
    }
  };
  part("momentum", s.momentum);
  part("beta_1", s.beta_1);
  part("beta_2", s.beta_2);
  part("rho", s.rho);
  positive("epsilon", s.epsilon);
  positive("weight decay", s.weight_decay.value_or(0));
  positive("l2", s.l2);
  positive("the clipping norm", s.clip_norm);
  positive("the global clipping norm", s.global_clip_norm);
  positive("the clipping value", s.clip_value);
  if ((s.clip_norm > 0) + (s.global_clip_norm > 0) + (s.clip_value > 0) > 1) {
    fail(ErrorKind::bad_argument,
         "optimizer: gradients are clipped by norm, by global norm or by value; choose one");
  }
  if (s.nesterov && s.momentum == 0) {
    fail(ErrorKind::bad_argument, "optimizer: nesterov needs momentum");
  }
}

bool is_adam(OptimizerKind kind) {
  return kind == OptimizerKind::adam || kind == OptimizerKind::adamw;
}

float* data_or_null(std::vector<float>& values, int64_t offset) {
  return values.empty() ? nullptr : values.data() + offset;
}

}  // namespace

OptimizerKind optimizer_kind(std::string_view name) {
  return value_of<OptimizerKind>(kNames, name, "optimizer");
}
std::string_view name(OptimizerKind kind) { return name_of<OptimizerKind>(kNames, kind); }

double default_learning_rate(OptimizerKind kind) {
  return kind == OptimizerKind::sgd ? 0.01 : 0.001;
}

Optimizer::Optimizer(OptimizerSettings settings, std::vector<Parameter*> parameters)
    : settings_(settings), parameters_(std::move(parameters)), slots_(parameters_.size()) {
  check(settings_);
  const OptimizerKind kind = settings_.kind;
  for (size_t p = 0; p < parameters_.size(); ++p) {
    const size_t size = parameters_[p]->data.size();
    if (is_adam(kind) || settings_.momentum > 0) slots_[p].m.resize(size);
    if (kind != OptimizerKind::sgd) slots_[p].v.resize(size);
    if (kind == OptimizerKind::rmsprop && settings_.centered) slots_[p].d.resize(size);
  }
}

void Optimizer::set_rate_factor(size_t index, double factor) {
  slots_.at(index).rate_factor = factor;
}

Optimizer::Decay Optimizer::decay_of(const Parameter& parameter) const {
  if (parameter.kind == ParameterKind::range) return {};
  if (settings_.decay_kernels_only && parameter.kind != ParameterKind::kernel &&
      parameter.kind != ParameterKind::embedding) {
    return {};
  }
  const double usual = settings_.kind == OptimizerKind::adamw ? 0.004 : 0;
  return {.decoupled = settings_.weight_decay.value_or(usual),
          .l2 = static_cast<float>(2 * settings_.l2)};
}

std::vector<float> Optimizer::clip_factors(Workers& workers) {
  std::vector<float> factors(parameters_.size(), 1.0f);
  last_norm_ = 0;
  if (settings_.clip_norm == 0 && settings_.global_clip_norm == 0) return factors;
  std::vector<float> l2;
  for (const Parameter* parameter : parameters_) l2.push_back(decay_of(*parameter).l2);
  const std::vector<double> norms = norms_of(workers, parameters_, l2);
  double all = 0;
  for (const double norm : norms) all += norm;
  last_norm_ = std::sqrt(all);
  // NaN in a norm must arrive at the weights, where the trainer looks for it.
  const auto factor = [](double norm, double limit) {
    return norm <= limit ? 1.0f : static_cast<float>(limit / norm);
  };
  for (size_t p = 0; p < factors.size(); ++p) {
    factors[p] = settings_.clip_norm > 0 ? factor(std::sqrt(norms[p]), settings_.clip_norm)
                                         : factor(last_norm_, settings_.global_clip_norm);
  }
  return factors;
}

void Optimizer::step(Workers& workers, double learning_rate) {
  ++steps_;
  const std::vector<float> factors = clip_factors(workers);
  const std::vector<Chunk> chunks = chunks_of(parameters_);
  workers.run(static_cast<int64_t>(chunks.size()), [&](int, int64_t task) {
    const Chunk& c = chunks[static_cast<size_t>(task)];
    Parameter& p = *parameters_[c.parameter];
    Slot& slot = slots_[c.parameter];
    const double rate = learning_rate * slot.rate_factor;
    const Decay decay = decay_of(p);
    GradientRule before{.decay = static_cast<float>(rate * decay.decoupled),
                        .l2 = decay.l2,
                        .scale = factors[c.parameter]};
    if (settings_.clip_value > 0) before.limit = static_cast<float>(settings_.clip_value);
    update(rate, before,
           {.w = p.data.data() + c.begin,
            .g = p.grad.data() + c.begin,
            .m = data_or_null(slot.m, c.begin),
            .v = data_or_null(slot.v, c.begin),
            .d = data_or_null(slot.d, c.begin),
            .count = c.end - c.begin});
  });
}

void Optimizer::update(double rate, const GradientRule& before, const UpdateSpan& span) const {
  const OptimizerSettings& s = settings_;
  const auto momentum = static_cast<float>(s.momentum), epsilon = static_cast<float>(s.epsilon);
  if (s.kind == OptimizerKind::sgd) {
    update_sgd({static_cast<float>(rate), momentum, s.nesterov}, before, span);
  } else if (s.kind == OptimizerKind::rmsprop) {
    update_rmsprop({static_cast<float>(rate), static_cast<float>(s.rho), momentum, epsilon}, before,
                   span);
  } else {
    const auto t = static_cast<double>(steps_);
    const double corrected =
        rate * std::sqrt(1 - std::pow(s.beta_2, t)) / (1 - std::pow(s.beta_1, t));
    update_adam({.rate = static_cast<float>(corrected),
                 .keep_m = static_cast<float>(1 - s.beta_1),
                 .keep_v = static_cast<float>(1 - s.beta_2),
                 .epsilon = epsilon},
                before, span);
  }
}

void Optimizer::visit_state(const StateVisitor& visit) {
  visit_count(visit, "optimizer/steps", steps_);
  for (size_t p = 0; p < slots_.size(); ++p) {
    const std::string prefix = "optimizer/" + parameters_[p]->name;
    if (!slots_[p].m.empty()) visit(prefix + "/m", slots_[p].m);
    if (!slots_[p].v.empty()) visit(prefix + "/v", slots_[p].v);
    if (!slots_[p].d.empty()) visit(prefix + "/d", slots_[p].d);
  }
}

double gradient_norm(Workers& workers, const std::vector<Parameter*>& parameters) {
  const std::vector<double> norms =
      norms_of(workers, parameters, std::vector<float>(parameters.size(), 0.0f));
  double all = 0;
  for (const double norm : norms) all += norm;
  return std::sqrt(all);
}

}  // namespace smelt::train
