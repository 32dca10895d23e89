// ftrt devices: what this machine can run artifacts on.
#include "tools/ftrt/Commands.h"

#include "runtime/devices/CpuDevice.h"
#include "runtime/io/Json.h"

#include <cstdio>

namespace ftc::cli {

rt::Status devicesCommand(Arguments arguments) {
  bool json = false;
  FlagSet flags("ftrt devices", "[--json]", "Lists the devices that ftrt can run on.");
  flags.group("Output");
  flags.boolean("json", json, "as JSON");
  FTC_ASSIGN_OR_RETURN(Outcome outcome, flags.parse(arguments));
  if (outcome == Outcome::Done)
    return rt::Status::ok();
  FTC_ASSIGN_OR_RETURN(std::shared_ptr<rt::Device> device, rt::makeCpuDevice());
  const rt::DeviceProperties &properties = device->properties();
  if (json) {
    rt::OrderedJson entry;
    entry["name"] = properties.name;
    entry["description"] = properties.description;
    entry["isa"] = properties.isa;
    entry["threads"] = properties.threads;
    entry["features"] = properties.features;
    std::printf("%s\n", rt::dumpJson(rt::OrderedJson::array({entry}), 2).c_str());
    return rt::Status::ok();
  }
  std::string features;
  for (const std::string &feature : properties.features)
    features += " " + feature;
  std::printf("%-8s %s; %s;%s\n", properties.name.c_str(), properties.description.c_str(),
              properties.isa.c_str(), features.c_str());
  return rt::Status::ok();
}

} // namespace ftc::cli
