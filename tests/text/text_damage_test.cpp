#include "canine/text/text_damage.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace canine {
namespace {

TEST_CASE("Characters that were lost are seen") {
  for (const char* text : {"sm\uFFFDr", "\uFFFD", "k\uFFFDbmand \u00C3\u00B8"})
    CHECK(damage_of(text) == TextDamage::kLost);
}

TEST_CASE("UTF-8 that was read in another encoding is seen") {
  for (const char* text :
       {"smÃ¸r", "sÃ¦be", "Ã…rhus", "Ã˜l", "BÃ¤cker", "cafÃ©", "MÃ¼ller Â½", "jÃ³", "\u00C3\u0085rhus", "Å¡iÄ\u008D",
        "Ð¿Ð»Ð¾Ñ‚Ð½Ð¸Ðº", "Î³ÎµÏ‰ÏÎ³ÏŒÏ‚", "é“å\u008C\u00A0", "farmerâ€™s", "sm√∏r", "caf├®", "caf├⌐"}) {
    INFO(text);
    CHECK(damage_of(text) == TextDamage::kMisread);
  }
}

TEST_CASE("Honest texts in many languages are left alone") {
  for (const char* text :
       {"",        "smith",   "smør",   "Ærø",     "Århus",      "«ÅL»",   "“CAFÉ”",       "CAFÉ…",
        "«passé»", "naïve…”", "JOÃO",   "SÃO",     "Fuß–Gänger", "MÜLLER", "ESPAÑOL 2º",   "плотник",
        "γεωργός", "铁匠",    "大工",   "ช่างไม้",   "حداد",       "נפח",    "Straße “neu”", "ouvrière à l’usine",
        "L’ÎLE",   "É.",      "à 5 °C", "mæ – får"}) {
    INFO(text);
    CHECK(damage_of(text) == TextDamage::kNone);
  }
}

}  // namespace
}  // namespace canine
