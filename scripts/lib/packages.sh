# Sourced by scripts/setup: packages of the distribution.
# shellcheck shell=bash

# Each line: package, then a command that does as well when it comes from elsewhere ("-" = only the package will do).
system_packages() {
  cat <<'END'
g++ g++
cmake cmake
ninja-build ninja
ccache ccache
git git
pkg-config pkg-config
iproute2 ip
libfmt-dev -
libcli11-dev -
nlohmann-json3-dev -
libyaml-cpp-dev -
libopenmpi-dev -
openmpi-bin mpirun
libicu-dev -
libcurl4-openssl-dev -
libssl-dev -
zlib1g-dev -
END
}

# Launchers that some tests run under where they are there, in the same form.
launcher_packages() {
  cat <<'END'
mpich mpiexec.hydra
munge munged
slurm-client srun
slurmctld slurmctld
slurmd slurmd
END
}

package_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Catch2 3 under any name: the release's package, that of its backports, or one built by hand.
catch2_installed() { pkg-config --atleast-version=3 catch2 2>/dev/null; }

# A Python from 3.11 to 3.14 that can make virtual environments; prints its path.
find_python() {
  local candidate path
  for candidate in ${CANINE_PYTHON:+"$CANINE_PYTHON"} python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
    path=$(command -v "$candidate") || continue
    if "$path" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
      echo "$path"
      return 0
    fi
  done
  return 1
}

# Prints those packages of a list that are missing, one a line.
missing_of() {
  local package command
  while read -r package command; do
    package_installed "$package" && continue
    [ "$command" != - ] && command -v "$command" >/dev/null && continue
    echo "$package"
  done
}

# Prints the packages that are missing, one a line; Catch2 is looked at separately.
missing_packages() {
  missing_of < <(system_packages)
  find_python >/dev/null || printf '%s\n' python3 python3-venv
}

release_codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

# apt_entry FILE URI SUITE NEW_SUITE: copies the entry of a sources file that gives URI and SUITE, with its keyring and
# options, for NEW_SUITE and the component main. Knows one-line (.list) and deb822 (.sources) files.
apt_entry() {
  local file=$1 uri=${2%/} suite=$3 new_suite=$4
  case $file in
    *.sources)
      awk -v uri="$uri" -v suite="$suite" -v new_suite="$new_suite" '
        function has(text, word,   words, n, i) {
          n = split(text, words, /[ \t\n]+/)
          for (i = 1; i <= n; i++) { sub(/\/$/, "", words[i]); if (words[i] == word) return 1 }
          return 0
        }
        function finish() {
          if (!done && has(value["types"], "deb") && has(value["uris"], uri) && has(value["suites"], suite) &&
              tolower(value["enabled"]) !~ /no/) {
            print "Types: deb\nURIs: " uri "\nSuites: " new_suite "\nComponents: main"
            printf "%s", others
            done = 1
          }
          delete value
          others = key = ""
        }
        /^#/ { next }
        /^[ \t]*$/ { finish(); next }
        /^[ \t]/ { value[key] = value[key] "\n" $0; if (kept) others = others $0 "\n"; next }
        {
          key = tolower(substr($0, 1, index($0, ":") - 1))
          value[key] = substr($0, index($0, ":") + 1)
          kept = key !~ /^(types|uris|suites|components|enabled)$/
          if (kept) others = others $0 "\n"
        }
        END { finish(); exit !done }' "$file"
      ;;
    *)
      awk -v uri="$uri" -v suite="$suite" -v new_suite="$new_suite" '
        $1 == "deb" {
          options = ""
          rest = $0
          sub(/^[ \t]*deb[ \t]+/, "", rest)
          if (rest ~ /^\[/) {
            options = substr(rest, 1, index(rest, "]")) " "
            rest = substr(rest, index(rest, "]") + 1)
          }
          split(rest, words, " ")
          sub(/\/$/, "", words[1])
          if (words[1] == uri && words[2] == suite) {
            print "deb " options words[1] " " new_suite " main"
            found = 1
            exit
          }
        }
        END { exit !found }' "$file"
      ;;
  esac
}

# Prints "FILE URI SUITE" of the entry that the release's own packages come from.
release_entry() {
  # shellcheck disable=SC2016  # the names in $() are apt's
  apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(SOURCESENTRY)|$(REPO_URI)|$(RELEASE)' \
    'Created-By: Packages' 2>/dev/null |
    awk -F'|' -v codename="$(release_codename)" '
      $1 == "Debian" && $2 == "main" && $3 == codename { sub(/:[0-9]+$/, "", $4); print $4, $5, $6; exit }'
}

# Major version of a version string with or without epoch.
major_version() {
  local version=${1#*:}
  echo "${version%%.*}"
}

# Which way Catch2 3 can be had: "release", the name of a suite that apt knows already, "backports", or nothing.
catch2_source() {
  local candidate suite
  candidate=$(apt-cache policy catch2 2>/dev/null | awk '$1 == "Candidate:" {print $2}')
  if [ -n "$candidate" ] && [ "$candidate" != '(none)' ] && [ "$(major_version "$candidate")" -ge 3 ]; then
    echo release
    return
  fi
  suite=$(apt-cache madison catch2 2>/dev/null | awk -F'|' '$2 ~ /^ *3\./ {split($3, words, " "); sub(/\/.*/, "", words[2]); print words[2]; exit}')
  if [ -n "$suite" ]; then
    echo "$suite"
  elif [ -n "$(release_entry)" ]; then
    echo backports
  fi
}
