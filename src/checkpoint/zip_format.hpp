#pragma once

#include <cstdint>

/// Numbers of the zip format (APPNOTE.TXT 6.3) and of PyTorch's way of using it.
namespace canine::zip {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDescriptor = 0x08074b50;
constexpr uint32_t kDirectoryRecord = 0x02014b50;
constexpr uint32_t kEndRecord64 = 0x06064b50;
constexpr uint32_t kEndLocator64 = 0x07064b50;
constexpr uint32_t kEndRecord = 0x06054b50;

constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint64_t kDirectoryRecordBytes = 46;
constexpr uint64_t kEndRecord64Bytes = 56;
constexpr uint64_t kEndLocator64Bytes = 20;
constexpr uint64_t kEndRecordBytes = 22;

constexpr uint16_t kFlagEncrypted = 1;
constexpr uint16_t kFlagDescriptor = 1 << 3;
constexpr uint16_t kFlagUtf8 = 1 << 11;

constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;

constexpr uint16_t kZip64FieldId = 0x0001;
constexpr uint64_t kSaturated16 = 0xffff;      ///< "see the ZIP64 field"
constexpr uint64_t kSaturated32 = 0xffffffff;  ///< "see the ZIP64 field"

constexpr uint16_t kFillingFieldId = 0x4246;  ///< "FB", whose bytes only move the data to an aligned place
constexpr char kFilling = 'Z';

}  // namespace canine::zip
