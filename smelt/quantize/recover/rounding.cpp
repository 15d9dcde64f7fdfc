#include "smelt/quantize/recover/rounding.h"

#include <algorithm>
#include <cmath>
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
          const double* weights, const double* steps, const double* g)
      : n_(static_cast<size_t>(problem.size)),
        problem_(problem),
        factor_(factor),
        options_(options),
        target_(weights, weights + n_),
        steps_(steps, steps + n_),
        asked_(steps_),
        g_(g, n_) {}

  RoundedChannel run() {
    if (options_.feedback && !factor_.l.empty()) solve_target();
    choose_start();
    if (options_.descent) {
      for (int round = 0; round < (options_.free_scale ? 4 : 1); ++round) {
        descend();
        if (!options_.free_scale || !fit_scale()) break;
      }
      descend();
      if (n_ <= kPairs) move_pairs();
    }
    RoundedChannel result{.scale = factor_on_steps_};
    result.values.assign(q_.begin(), q_.end());
    return result;
  }

 private:
  static constexpr size_t kPairs = 640;   ///< pairs take K^2 time
  static constexpr double kLeast = 1e-9;  ///< smaller gains are noise

  double diagonal(size_t i) const { return problem_.h[i * n_ + i]; }
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

  std::vector<int> with_feedback() const {
    std::vector<int> q(n_);
    std::vector<double> carried(n_);
    for (size_t i = n_; i-- > 0;) {
      const size_t at = factor_.order[i];
      const double* l = &factor_.l[i * n_];
      q[at] = clamp_round((target_[at] - carried[i] / l[i]) / steps_[at], options_.limit);
      const double error = steps_[at] * q[at] - target_[at];
      add_scaled(error, l, static_cast<int64_t>(i), carried.data());
    }
    return q;
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

  void choose_start() {
    std::vector<double> factors{1.0};
    if (options_.free_scale) {
      for (int i = -11; i <= 3; ++i) {
        if (i != 0) factors.push_back(1 + 0.04 * i);
      }
    }
    double best = std::numeric_limits<double>::infinity(), best_factor = 1;
    std::vector<int> best_q;
    for (const double factor : factors) {
      scale_steps(factor);
      for (const bool feedback : {false, true}) {
        if (feedback && (!options_.feedback || factor_.l.empty())) continue;
        const double error = set(feedback ? with_feedback() : nearest());
        if (error < best) best = error, best_factor = factor, best_q = q_;
      }
    }
    scale_steps(best_factor);
    set(std::move(best_q));
  }

  void move(size_t i, int by) {
    q_[i] += by;
    add_scaled(by * steps_[i], row(i), problem_.size, residual_.data());
  }

  /// What a move adds to the error.
  double cost(size_t i, int by) const {
    const double d = by * steps_[i];
    return d * (2 * residual_[i] + d * diagonal(i));
  }

  void descend() {
    for (int sweep = 0; sweep < 100; ++sweep) {
      bool moved = false;
      for (size_t i = 0; i < n_; ++i) {
        const double wish = q_[i] - residual_[i] / (steps_[i] * diagonal(i));
        const int by = clamp_round(wish, options_.limit) - q_[i];
        if (by == 0 || cost(i, by) > -kLeast * steps_[i] * steps_[i] * diagonal(i)) continue;
        move(i, by);
        moved = true;
      }
      if (!moved) return;
    }
  }

  bool allowed(size_t i, int by) const { return std::abs(q_[i] + by) <= options_.limit; }

  /// One step of weight i together with the one other step that fits it best.
  bool move_pair(size_t i, int by) {
    const double d = by * steps_[i];
    const double alone = cost(i, by);
    double best = -kLeast * steps_[i] * steps_[i] * diagonal(i);
    size_t partner = n_;
    int partner_by = 0;
    for (size_t j = 0; j < n_; ++j) {
      const double slope = residual_[j] + d * row(i)[j];
      const int other = slope > 0 ? -1 : 1;
      const double change = alone + steps_[j] * (steps_[j] * diagonal(j) - 2 * std::abs(slope));
      if (change >= best || j == i || !allowed(j, other)) continue;
      best = change, partner = j, partner_by = other;
    }
    if (partner == n_) return false;
    move(i, by);
    move(partner, partner_by);
    return true;
  }

  void move_pairs() {
    for (int sweep = 0; sweep < 10; ++sweep) {
      bool moved = false;
      for (size_t i = 0; i < n_; ++i) {
        for (const int by : {-1, 1}) {
          if (allowed(i, by) && move_pair(i, by)) moved = true;
        }
      }
      if (!moved) return;
      descend();
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
    set(q_);
    return true;
  }

  size_t n_;
  const LayerProblem& problem_;
  const Factor& factor_;
  const RoundingOptions& options_;
  std::vector<double> target_, steps_, asked_;
  std::span<const double> g_;
  double factor_on_steps_ = 1;
  std::vector<int> q_;
  std::vector<double> residual_;
};

}  // namespace

std::vector<RoundedChannel> round_channels(const LayerProblem& problem,
                                           const std::vector<double>& weights,
                                           const std::vector<double>& steps,
                                           const RoundingOptions& options) {
  Factor factor;
  if (options.feedback) factor = factorize(problem, options.threads);
  std::vector<RoundedChannel> channels(weights.size() / static_cast<size_t>(problem.size));
  parallel_for(static_cast<int64_t>(channels.size()), options.threads, [&](int, int64_t i) {
    const int64_t at = i * problem.size;
    channels[static_cast<size_t>(i)] = Channel(problem, factor, options, weights.data() + at,
                                               steps.data() + at, problem.g.data() + at)
                                           .run();
  });
  return channels;
}

}  // namespace smelt
