#include "smelt/report/plot.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/file.h"
#include "smelt/data/process.h"

namespace smelt {
namespace {

/// In gnuplot's single quotes a quote is written twice; nothing else is special.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

bool shown(const PlotLine& line, size_t i, bool log_scale) {
  return std::isfinite(line.x[i]) && std::isfinite(line.y[i]) && (!log_scale || line.y[i] > 0);
}

std::string data_block(const PlotLine& line, size_t number, bool log_scale) {
  std::string text = fmt::format("$line{} << EOD\n", number);
  const std::string header = text;
  for (size_t i = 0; i < std::min(line.x.size(), line.y.size()); ++i) {
    if (shown(line, i, log_scale)) text += fmt::format("{} {}\n", line.x[i], line.y[i]);
  }
  return text == header ? "" : text + "EOD\n";
}

}  // namespace

std::string plot_script(const Plot& plot, const std::filesystem::path& output) {
  std::string blocks, lines;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const std::string block = data_block(plot.lines[i], i, plot.log_scale);
    if (block.empty()) continue;
    blocks += block;
    lines += fmt::format("{}$line{} with linespoints pointtype 7 pointsize 0.4 title {}",
                         lines.empty() ? "" : ", ", i, in_quotes(plot.lines[i].title));
  }
  if (lines.empty()) return "";
  return fmt::format(
      "set terminal png size 900,560 noenhanced\nset output {}\nset title {}\nset xlabel {}\n"
      "set ylabel {}\nset grid\nset key below\n{}{}plot {}\n",
      in_quotes(output.string()), in_quotes(plot.title), in_quotes(plot.x_label),
      in_quotes(plot.y_label), plot.log_scale ? "set logscale y\n" : "", blocks, lines);
}

void draw_plot(const Plot& plot, const std::filesystem::path& output) {
  const std::filesystem::path absolute = std::filesystem::absolute(output);
  const std::string script = plot_script(plot, absolute);
  if (script.empty()) return;
  const std::filesystem::path script_path = absolute.string() + ".gnuplot";
  write_file(script_path, as_bytes(std::string_view(script)));
  const auto remove_script = [&] { std::filesystem::remove(script_path); };
  try {
    run_program({"gnuplot", script_path.string()}, absolute.parent_path(),
                "install the Debian package gnuplot-nox to get plots", "plotting", {});
  } catch (...) {
    remove_script();
    throw;
  }
  remove_script();
}

}  // namespace smelt
