#pragma once

/// The opcodes of pickle protocols 2 to 5 that torch.save writes (names as in CPython's pickle module).
namespace canine::pickle {

constexpr char kMark = '(';
constexpr char kStop = '.';
constexpr char kBinInt = 'J';
constexpr char kBinInt1 = 'K';
constexpr char kBinInt2 = 'M';
constexpr char kNone = 'N';
constexpr char kBinPersId = 'Q';
constexpr char kReduce = 'R';
constexpr char kBinString = 'T';
constexpr char kShortBinString = 'U';
constexpr char kBinUnicode = 'X';
constexpr char kAppend = 'a';
constexpr char kBuild = 'b';
constexpr char kGlobal = 'c';
constexpr char kEmptyDict = '}';
constexpr char kAppends = 'e';
constexpr char kBinGet = 'h';
constexpr char kLongBinGet = 'j';
constexpr char kEmptyList = ']';
constexpr char kBinPut = 'q';
constexpr char kLongBinPut = 'r';
constexpr char kSetItem = 's';
constexpr char kTuple = 't';
constexpr char kEmptyTuple = ')';
constexpr char kSetItems = 'u';
constexpr char kBinFloat = 'G';
constexpr char kProto = '\x80';
constexpr char kNewObj = '\x81';
constexpr char kTuple1 = '\x85';
constexpr char kTuple2 = '\x86';
constexpr char kTuple3 = '\x87';
constexpr char kNewTrue = '\x88';
constexpr char kNewFalse = '\x89';
constexpr char kLong1 = '\x8a';

// Since protocol 3.
constexpr char kBinBytes = 'B';
constexpr char kShortBinBytes = 'C';

// Since protocol 4.
constexpr char kShortBinUnicode = '\x8c';
constexpr char kBinUnicode8 = '\x8d';
constexpr char kBinBytes8 = '\x8e';
constexpr char kEmptySet = '\x8f';
constexpr char kAddItems = '\x90';
constexpr char kFrozenSet = '\x91';
constexpr char kNewObjEx = '\x92';
constexpr char kStackGlobal = '\x93';
constexpr char kMemoize = '\x94';
constexpr char kFrame = '\x95';

// Since protocol 5.
constexpr char kByteArray8 = '\x96';
constexpr char kNextBuffer = '\x97';
constexpr char kReadOnlyBuffer = '\x98';

}  // namespace canine::pickle
