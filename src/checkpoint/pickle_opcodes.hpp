#pragma once

/// The opcodes of pickle protocol 2 that torch.save writes (names as in CPython's pickle module).
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

}  // namespace canine::pickle
