// CRC-32C (Castagnoli), the checksum of TFRecord frames.
#pragma once

#include <cstdint>
#include <string_view>

namespace ftc::rt {

/// CRC-32C as RFC 3720 (iSCSI), appendix B.4, has it: polynomial 0x1EDC6F41, reflected, the
/// register complemented at both ends. "123456789" gives 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

} // namespace ftc::rt
