#pragma once

#include "smelt/compress/channels.h"
#include "smelt/train/cluster.h"
#include "smelt/train/distill.h"
#include "smelt/train/early_stopping.h"
#include "smelt/train/optimizer.h"
#include "smelt/train/prune.h"
#include "smelt/train/schedule.h"
#include "smelt/train/specification.h"

namespace smelt::train {

/// Steps of a run, by which epochs of the specification become steps.
struct RunLength {
  int64_t steps_per_epoch = 1;
  int64_t epochs = 1;
  int64_t steps() const { return steps_per_epoch * epochs; }
};

// What the sections of a specification mean for the parts of training. bad_argument, naming the
// setting, where a text is no name that there is.

LossSettings loss_settings(const Specification& specification, LossKind usual);
OptimizerSettings optimizer_settings(const Specification& specification);
/// `watched`: the metric that the plateau schedule looks at.
ScheduleSettings schedule_settings(const Specification& specification, const RunLength& length,
                                   std::string_view watched);
PruneSettings prune_settings(const PruneSection& prune, const RunLength& length);
compress::ChannelSettings channel_settings(const PruneSection& prune);
/// What the run prunes is clustered when the last masks are chosen, and its zeros stay.
ClusterSettings cluster_settings(const Specification& specification, const RunLength& length);
DistillSettings distill_settings(const DistillSection& distill);

}  // namespace smelt::train
