// ReportRows: what a page says of any model that ftrt opened, trained just now or before.
#pragma once

#include "runtime/report/Report.h"
#include "runtime/train/Session.h"

#include <string>
#include <vector>

namespace ftc::rt {

/// ftrt's version, the artifact with its hash, the model with its files' hashes, the device,
/// the time.
ReportRows versionRows(const Session &session);

/// What stands for the whole of `metrics`, whose names begin with `prefix`; `written`: texts
/// were.
ReportMeasure measureOf(const Session &session, const OrderedJson &metrics,
                        const std::string &prefix, bool written);

/// The executor's memory, part by part and in all, and the process's.
void addMemory(const Session &session, ReportData &page);

/// The numbers of `metrics`, six digits of each.
void addMetrics(const OrderedJson &metrics, ReportData &page);

/// "2026-11-27 02:10:00 +0000".
std::string localTime();

} // namespace ftc::rt
