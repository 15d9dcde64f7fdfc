#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "smelt/base/progress.h"

namespace smelt::cli {

/// Where a command writes for people: results on `out`, progress on `err`. Progress bars appear
/// only on a terminal; with `quiet` nothing but errors is written.
class Terminal {
 public:
  Terminal(std::FILE* out, std::FILE* err, bool quiet);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
  }

  /// A bar with rate and time left, redrawn a few times a second. Stops the work on Ctrl-C.
  Progress progress();

  /// A bar of work whose rate and time left the caller knows; false where Ctrl-C was pressed.
  bool training(const std::string& stage, int64_t done, int64_t total, double rate,
                double seconds_left);

 private:
  void write(const std::string& text);
  void draw(std::string_view stage, int64_t done, int64_t total);
  bool shows_bars() const;
  bool due(bool last);
  void draw_line(const std::string& line);
  void clear_line();

  std::FILE* out_;
  std::FILE* err_;
  bool quiet_;
  bool bar_drawn_ = false;
  std::string stage_;
  std::chrono::steady_clock::time_point stage_start_, last_drawn_;
};

/// Columns of the terminal; 0, without a limit, where the output goes elsewhere.
int terminal_width();

/// Ctrl-C (and SIGTERM) then ask long work to stop instead of killing the program, so that nothing
/// half-written stays behind; a second one kills.
void install_interrupt_handler();
bool interrupted();

}  // namespace smelt::cli
