// transformers' rotary frequencies: plain, linear, dynamic and Llama 3's scaling.
#include "frontends/RotaryFrequencies.h"

#include <cmath>
#include <numbers>

namespace ftc {

std::vector<float> plainFrequencies(double theta, std::int64_t width) {
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < width / 2; ++i) {
    float exponent = static_cast<float>(2 * i) / static_cast<float>(width);
    double power = std::pow(static_cast<double>(static_cast<float>(theta)), exponent);
    frequencies.push_back(1.0f / static_cast<float>(power));
  }
  return frequencies;
}

namespace {

/// The object `rope_scaling`, with errors that name it.
class Scaling {
public:
  Scaling(ConfigReader &config, const nlohmann::json &object)
      : config(config), object(object) {}

  /// rope_type, or its older name type.
  std::string type() {
    std::string found;
    for (const char *key : {"rope_type", "type"}) {
      if (!object.is_object() || !object.contains(key))
        continue;
      if (!object[key].is_string() || (!found.empty() && object[key] != found)) {
        config.fail(std::string("'rope_scaling': expected one type's name in '") + key + "'");
        return "";
      }
      found = object[key].get<std::string>();
    }
    if (found.empty())
      config.fail("'rope_scaling': expected an object with a 'rope_type'");
    return found;
  }

  double number(const char *key) {
    double value =
        object.contains(key) && object[key].is_number() ? object[key].get<double>() : 0;
    if (!(value > 0 && value < 1e12))
      config.fail(std::string("'rope_scaling': expected a number above 0 as '") + key + "'");
    return value;
  }

private:
  ConfigReader &config;
  const nlohmann::json &object;
};

} // namespace

/// Llama 3.1: long waves are slowed by `factor`, short ones kept, those between interpolated.
static void scaleLlama3(Scaling &scaling, std::vector<float> &frequencies) {
  auto factor = static_cast<float>(scaling.number("factor"));
  double low = scaling.number("low_freq_factor"), high = scaling.number("high_freq_factor");
  double context = scaling.number("original_max_position_embeddings");
  auto longest = static_cast<float>(context / low),
       shortest = static_cast<float>(context / high);
  for (float &frequency : frequencies) {
    float wave = static_cast<float>(2 * std::numbers::pi) / frequency;
    if (wave > longest) {
      frequency = frequency / factor;
    } else if (wave >= shortest) {
      float smooth = (static_cast<float>(context) / wave - static_cast<float>(low)) /
                     static_cast<float>(high - low);
      frequency = (1 - smooth) * frequency / factor + smooth * frequency;
    }
  }
}

std::vector<float> rotaryFrequencies(ConfigReader &config, std::int64_t width, double theta) {
  if (config.number("partial_rotary_factor", 0, 1, 1.0) != 1.0)
    config.fail("'partial_rotary_factor' is not 1, which is not supported for this family");
  if (width % 2 != 0)
    config.fail("'head_dim' " + std::to_string(width) + " is odd: rotary positions need pairs");
  std::vector<float> frequencies = plainFrequencies(theta, width);
  const nlohmann::json *object = config.find("rope_scaling");
  if (!object)
    return frequencies;
  Scaling scaling(config, *object);
  std::string type = scaling.type();
  if (type.empty() || type == "default")
    return frequencies;
  if (type == "linear") {
    auto factor = static_cast<float>(scaling.number("factor"));
    for (float &frequency : frequencies)
      frequency = frequency / factor;
  } else if (type == "dynamic") {
    (void)scaling.number("factor"); // without effect up to max_position_embeddings
  } else if (type == "llama3") {
    scaleLlama3(scaling, frequencies);
  } else {
    config.fail("'rope_scaling' of type \"" + type.substr(0, 60) +
                "\" is not supported, expected default, linear, dynamic or llama3");
  }
  return frequencies;
}

} // namespace ftc
