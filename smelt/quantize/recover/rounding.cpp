#include "smelt/quantize/recover/rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "smelt/base/parallel.h"
#include "smelt/quantize/recover/linear_algebra.h"

namespace smelt {
namespace {

/// Rows and columns of H in ascending order of its diagonal, as L L^T.
struct Factor {
  std::vector<double> l;
  std::vector<size_t> order;
};

Factor factorize(const LayerProblem& problem, int threads) {
  const auto n = static_cast<size_t>(problem.size);
  Factor factor;
  factor.order.resize(n);
  std::iota(factor.order.begin(), factor.order.end(), size_t{0});
  std::stable_sort(factor.order.begin(), factor.order.end(),
                   [&](size_t a, size_t b) { return problem.h[a * n + a] < problem.h[b * n + b]; });
  factor.l.resize(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      factor.l[i * n + j] = problem.h[factor.order[i] * n + factor.order[j]];
    }
  }
  if (!cholesky(factor.l, problem.size, threads)) factor.l.clear();
  return factor;
}

int clamp_round(double value, int limit) {
  return static_cast<int>(std::clamp(std::round(value), -double(limit), double(limit)));
}

/// The search for the integers of one channel: min (s q)^T H (s q) - 2 (s q)^T g.
class Channel {
 public:
  Channel(const LayerProblem& problem, const Factor& factor, const RoundingOptions& options,
          size_t channel, const double* steps)
      : n_(static_cast<size_t>(problem.size)),
        problem_(problem),
        factor_(factor),
        options_(options),
        target_(problem.weights.begin() + static_cast<int64_t>(channel * n_),
                problem.weights.begin() + static_cast<int64_t>((channel + 1) * n_)),
        steps_(steps, steps + n_),
        asked_(steps_),
        g_(std::span(problem.g).subspan(channel * n_, n_)) {
    for (size_t i = 0; i < n_; ++i) diagonal_.push_back(problem.h[i * n_ + i]);
  }

  RoundedChannel run() {
    if (has_feedback()) solve_target();
    choose_start();
    if (options_.descent) {
      for (int round = 0; round < (options_.free_scale ? 4 : 1); ++round) {
        descend();
        if (!options_.free_scale || !fit_scale()) break;
      }
      descend();
    }
    RoundedChannel result{.scale = factor_on_steps_};
    result.values.assign(q_.begin(), q_.end());
    return result;
  }

 private:
  static constexpr double kLeast = 1e-9;  ///< smaller gains are noise

  bool has_feedback() const { return options_.feedback && !factor_.l.empty(); }
  const double* row(size_t i) const { return &problem_.h[i * n_]; }

  void solve_target() {
    std::vector<double> permuted(n_);
    for (size_t i = 0; i < n_; ++i) permuted[i] = g_[factor_.order[i]];
    solve_cholesky(factor_.l, problem_.size, permuted);
    for (size_t i = 0; i < n_; ++i) target_[factor_.order[i]] = permuted[i];
  }

  std::vector<int> nearest() const {
    std::vector<int> q(n_);
    for (size_t i = 0; i < n_; ++i) q[i] = clamp_round(target_[i] / steps_[i], options_.limit);
    return q;
  }

  /// The integers, and what they add to the least error: |L^T (s q - w*)|^2.
  std::pair<std::vector<int>, double> with_feedback() const {
    std::vector<int> q(n_);
    std::vector<double> carried(n_);
    double error = 0;
    for (size_t i = n_; i-- > 0;) {
      const size_t at = factor_.order[i];
      const double* l = &factor_.l[i * n_];
      q[at] = clamp_round((target_[at] - carried[i] / l[i]) / steps_[at], options_.limit);
      const double difference = steps_[at] * q[at] - target_[at];
      const double part = l[i] * difference + carried[i];
      error += part * part;
      add_scaled(difference, l, static_cast<int64_t>(i), carried.data());
    }
    return {std::move(q), error};
  }

  /// r = H (s q) - g, and the value of the quadratic.
  double set(std::vector<int> q) {
    q_ = std::move(q);
    std::vector<double> values(n_);
    for (size_t i = 0; i < n_; ++i) values[i] = steps_[i] * q_[i];
    residual_.resize(n_);
    multiply(problem_.h, values, residual_);
    double error = 0;
    for (size_t i = 0; i < n_; ++i) {
      error += values[i] * (residual_[i] - 2 * g_[i]);
      residual_[i] -= g_[i];
    }
    return error;
  }

  void scale_steps(double factor) {
    factor_on_steps_ = factor;
    for (size_t i = 0; i < n_; ++i) steps_[i] = asked_[i] * factor;
  }

  /// The factor on the steps with the least error, of those that are tried.
  double best_factor() {
    if (!options_.free_scale) return 1;
    double best = std::numeric_limits<double>::infinity(), best_factor = 1;
    for (const double factor : {1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 1.08}) {
      scale_steps(factor);
      const double error = has_feedback() ? with_feedback().second : set(nearest());
      if (error < best) best = error, best_factor = factor;
    }
    return best_factor;
  }

  void choose_start() {
    scale_steps(best_factor());
    const double plain = set(nearest());
    if (!has_feedback()) return;
    std::vector<int> rounded = std::move(q_);
    if (set(with_feedback().first) > plain) set(std::move(rounded));
  }

  void move(size_t i, int by) {
    q_[i] += by;
    add_scaled(by * steps_[i], row(i), problem_.size, residual_.data());
  }

  /// What a move adds to the error.
  double cost(size_t i, int by) const {
    const double d = by * steps_[i];
    return d * (2 * residual_[i] + d * diagonal_[i]);
  }

  void descend() {
    for (int sweep = 0; sweep < 100; ++sweep) {
      bool moved = false;
      for (size_t i = 0; i < n_; ++i) {
        const double wish = q_[i] - residual_[i] / (steps_[i] * diagonal_[i]);
        const int by = clamp_round(wish, options_.limit) - q_[i];
        if (by == 0 || cost(i, by) > -kLeast * steps_[i] * steps_[i] * diagonal_[i]) continue;
        move(i, by);
        moved = true;
      }
      if (!moved) return;
    }
  }

  /// The best scale for these integers; false where it is as good as the one at hand.
  bool fit_scale() {
    double linear = 0, square = 0;
    for (size_t i = 0; i < n_; ++i) {
      const double value = steps_[i] * q_[i];
      linear += value * g_[i];
      square += value * (residual_[i] + g_[i]);
    }
    const double change = square > 0 ? linear / square : 1;
    if (std::abs(change - 1) < 1e-4 || change < 0.5 || change > 2) return false;
    scale_steps(factor_on_steps_ * change);
    for (size_t i = 0; i < n_; ++i) residual_[i] = change * (residual_[i] + g_[i]) - g_[i];
    return true;
  }

  size_t n_;
  const LayerProblem& problem_;
  const Factor& factor_;
  const RoundingOptions& options_;
  std::vector<double> target_, steps_, asked_;
  std::vector<double> diagonal_;  ///< of H
  std::span<const double> g_;
  double factor_on_steps_ = 1;
  std::vector<int> q_;
  std::vector<double> residual_;
};

}  // namespace

std::vector<RoundedChannel> round_channels(const LayerProblem& problem,
                                           const std::vector<double>& steps,
                                           const RoundingOptions& options) {
  const LayerProblem near_weights = damped(problem, options.damping);
  Factor factor;
  if (options.feedback) factor = factorize(near_weights, options.threads);
  std::vector<RoundedChannel> channels(steps.size() / static_cast<size_t>(problem.size));
  parallel_for(static_cast<int64_t>(channels.size()), options.threads, [&](int, int64_t i) {
    channels[static_cast<size_t>(i)] =
        Channel(near_weights, factor, options, static_cast<size_t>(i),
                &steps[static_cast<size_t>(i * problem.size)])
            .run();
  });
  return channels;
}

}  // namespace smelt
