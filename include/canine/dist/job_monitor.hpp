#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "canine/dist/job_store.hpp"
#include "canine/launch/launch_context.hpp"

namespace canine {

/// Signs of life of all ranks, and the judge of waits.
///
/// A background thread with a connection of its own writes about once a second what this rank's main thread does
/// ("step 12: loading data", since when) and looks whether another rank has reported a fault. A second one, which never
/// touches the network, judges: when this rank waits longer than the deadline of its wait it says which ranks are
/// missing, late or silent; when another rank has failed, or the store is gone, and the main thread does not come to
/// its own end, it says why. Then it ends the process with exit code 76, since a thread blocked in a collective cannot
/// be called back.
///
/// Only steady clocks, each of its own host: a rank is silent when its beat number stands still for the reader.
class JobMonitor {
 public:
  struct Options {
    int rank = 0;
    int world = 1;
    std::string host;                            ///< for messages; "" = this machine's name
    std::string store_name = "the job's store";  ///< "the store at 10.0.0.1:29500 (rank 0)"
    bool serves_store = false;                   ///< the store ends with this process
    std::chrono::milliseconds beat{1000};
    /// How long the main thread may take to end by itself after another rank's fault or the loss of the store.
    std::chrono::milliseconds grace{10'000};
    /// Silence of another rank or of the store that ends a wait of any deadline: backends do not always notice that a
    /// peer has died, and some waits may take long.
    std::chrono::milliseconds silence{20'000};
    /// Called before the judge ends this process, with the message and whether the fault is only a consequence of
    /// another rank's. The launcher's error file is written without it.
    std::function<void(const std::string& message, bool secondary)> before_end;
    /// Replaces the ending (the launcher's error file, a line on stderr, then _exit(76)); for tests.
    std::function<void(const std::string& message)> end;

    /// For a store that all ranks have joined by JobStore::connect.
    static Options of(const LaunchContext& launch, const JobStore& store);
    void validate() const;
  };

  /// Opens its own connection. Throws PeerError if the store does not take it.
  JobMonitor(const JobStore& store, const Options& options);

  /// Leaves without an orderly end unless finish() was called. Never waits long for the network: a background thread
  /// that hangs in it is left behind with all it needs.
  ~JobMonitor();
  JobMonitor(const JobMonitor&) = delete;
  JobMonitor& operator=(const JobMonitor&) = delete;

  /// What the main thread does from now on; shown by other ranks when they miss this one.
  void enter(const std::string& activity);

  /// What counts against the deadline of a wait.
  enum class Counts {
    kWait,        ///< all of it
    kStandstill,  ///< the time since the ranks that are missing last entered something new (PeerSigns::standstill)
  };

  /// Marks a wait of the main thread for its peers, from construction to destruction. All ranks that wait for the same
  /// thing give it the same name. `flag` is the flag that changes the deadline.
  class Wait {
   public:
    Wait(JobMonitor& monitor, const std::string& what, std::chrono::milliseconds deadline,
         const std::string& flag = "--timeout-step", Counts counts = Counts::kWait);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    JobMonitor& monitor_;
  };

  /// Tells the other ranks that this one ends with a fault of its own (not one that is the consequence of theirs). From
  /// any thread, once: later calls do nothing. Returns after 3 s at the latest; a rank that serves the store waits
  /// until the others have read it.
  void report_fault(const std::string& message);

  /// Why a collective may have failed: faults that other ranks have reported, ranks that give no sign of life, a lost
  /// store. Looks for up to 3.5 beats, since reports and missing beats take time. "" if nothing is known. What is found
  /// is told to the other ranks, as this one ends now.
  std::string explain_failure();

  /// What is known at this moment of other ranks' faults, silence or end, or a lost store; "" if nothing. Silence and
  /// ends show only while this rank waits.
  std::string known_trouble() const;

  /// Orderly end: from here on other ranks do not miss this one, and nothing is judged.
  void finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace canine
