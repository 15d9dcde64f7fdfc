#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace smelt::train {

/// Threads that stay for a whole training run and wait for work by spinning a little before they
/// sleep: a step has hundreds of short parallel parts, for which starting threads is too slow.
class Workers {
 public:
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return static_cast<int>(others_.size()) + 1; }

  /// Calls body(worker, task) for every task in [0, tasks), each once, on all threads; worker is in
  /// [0, threads()). Blocks until all are done. `body` must not throw. What a task computes must
  /// not depend on the worker, so that results are the same for every number of threads.
  void run(int64_t tasks, const std::function<void(int, int64_t)>& body);

 private:
  void serve(int worker);
  void take_tasks(int worker);

  std::vector<std::thread> others_;
  const std::function<void(int, int64_t)>* body_ = nullptr;
  int64_t tasks_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<uint32_t> round_{0};
  std::atomic<bool> stop_{false};
};

/// The rows of task `task` when `rows` rows are dealt out evenly to `tasks` tasks.
struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
};
inline RowRange rows_of_task(int64_t rows, int64_t tasks, int64_t task) {
  return {rows * task / tasks, rows * (task + 1) / tasks};
}

}  // namespace smelt::train
