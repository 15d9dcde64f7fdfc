#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace smelt {

/// A line of a plot; points that are not finite are left out.
struct PlotLine {
  std::string title;
  std::vector<double> x, y;
};

struct Plot {
  std::string title, x_label, y_label;
  std::vector<PlotLine> lines;
  bool log_scale = false;  ///< of y
};

/// What gnuplot is told to draw the plot into `output`, a .png. Any text may stand in titles.
std::string plot_script(const Plot& plot, const std::filesystem::path& output);

/// Draws the plot as a PNG file; lines without a point are left out, and a plot without lines gives
/// no file. io, with the cure, where gnuplot is not installed.
void draw_plot(const Plot& plot, const std::filesystem::path& output);

}  // namespace smelt
