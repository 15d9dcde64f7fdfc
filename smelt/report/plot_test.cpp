#include "smelt/report/plot.h"

#include <gtest/gtest.h>

#include <cmath>

namespace smelt {
namespace {

TEST(Plot, ScriptHoldsThePoints) {
  const Plot plot{.title = "it's a loss",
                  .x_label = "epoch",
                  .y_label = "loss",
                  .lines = {{"train", {1, 2, 3}, {0.5, NAN, 0.25}}, {"empty", {}, {}}}};
  EXPECT_EQ(plot_script(plot, "/tmp/x.png"),
            "set terminal png size 900,560 noenhanced\nset output '/tmp/x.png'\n"
            "set title 'it''s a loss'\nset xlabel 'epoch'\nset ylabel 'loss'\nset grid\n"
            "set key below\n$line0 << EOD\n1 0.5\n3 0.25\nEOD\n"
            "plot $line0 with linespoints pointtype 7 pointsize 0.4 title 'train'\n");
}

TEST(Plot, LogScaleLeavesZerosOut) {
  const Plot plot{.lines = {{"x", {1, 2}, {0, 3}}}, .log_scale = true};
  EXPECT_NE(plot_script(plot, "x.png").find("set logscale y\n$line0 << EOD\n2 3\nEOD\n"),
            std::string::npos);
}

TEST(Plot, NothingToDrawGivesNothing) {
  EXPECT_EQ(plot_script({.lines = {{"x", {1}, {NAN}}}}, "x.png"), "");
  draw_plot({}, "no/such/folder/x.png");
}

}  // namespace
}  // namespace smelt
