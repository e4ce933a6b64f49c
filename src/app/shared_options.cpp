#include "canine/app/shared_options.hpp"

namespace canine {
namespace {

constexpr double kWeek = 7 * 24 * 3600;  // s
constexpr double kWidest = 1 << 24;      // MixerOptions::validate says the same, when the data has been prepared

}  // namespace

std::vector<std::pair<std::string, FormatterKind>> column_naming_words() {
  std::vector<std::pair<std::string, FormatterKind>> words;
  for (const FormatterKind kind : {FormatterKind::kHisco, FormatterKind::kOcc1950}) {
    words.emplace_back(name_of(kind), kind);
  }
  return words;
}

std::vector<std::pair<std::string, FormatterKind>> formatter_words() {
  auto words = column_naming_words();
  words.emplace_back(name_of(FormatterKind::kGeneral), FormatterKind::kGeneral);
  return words;
}

void add_code_options(OptionSet& options, const CodeTargets& codes, const std::string& where) {
  options
      .add("target-cols", codes.target_cols,
           where +
               "columns of the codes, in order; a row has as many codes as it has filled columns before the first "
               "empty one")
      .takes("COLUMN");
  options
      .add("block-size", codes.block_size,
           where + "tokens per code; number of target columns times block size may be 127 at most")
      .at_least(1);
  options.add(
      "use-within-block-sep", codes.use_within_block_sep,
      where + "codes are lists like 1,22,333 whose parts are one token each; otherwise each character is a token");
}

void add_precision_option(OptionSet& options, Precision& precision) {
  options
      .add(
          "precision", precision,
          {{"fp32", Precision::kFp32},
           {"tf32", Precision::kTf32},
           {"bf16", Precision::kBf16},
           {"fp16", Precision::kFp16}},
          "arithmetic of the model: float32, TF32 matrix products (GPU), bfloat16, or float16 with loss scaling (GPU); "
          "weights and losses stay float32")
      .environment("ACCELERATE_MIXED_PRECISION", /*silence=*/"no")
      .addition();
}

void add_device_options(OptionSet& options, MachineSettings& machine) {
  options
      .add("devices", machine.devices,
           "auto (all GPUs, else the CPU), cpu, GPUs such as 0 or 0,2, or cpu:2 for two processes on the CPU; a plain "
           "start on several devices makes one process for each")
      .takes("DEVICES")
      .addition();
  options
      .add("num-threads", machine.num_threads,
           "threads of tensor operations; 0 = OMP_NUM_THREADS, or the processors divided among the processes that "
           "share them")
      .between(0, 4096)
      .local()
      .addition();
  options.add("deterministic", machine.deterministic, "only GPU kernels that give the same bits every time (slower)")
      .addition();
}

void add_launcher_option(OptionSet& options, std::string& launcher) {
  options
      .add("launcher", launcher,
           "auto = as torchrun, mpirun, srun and others say by variables; single = one process, whatever variables are "
           "left in this shell (that of srun --pty, say)")
      .one_of({"auto", "single"})
      .command_line_only()
      .addition();
}

void add_process_options(OptionSet& options, LaunchSettings& launch) {
  add_launcher_option(options, launch.launcher);
  options.add("distributed", launch.distributed,
              "several processes are meant; a launcher or several devices make them, otherwise one process runs");
  options.add("local-rank", launch.local_rank, "number of this process on its machine; launchers say it by LOCAL_RANK")
      .at_least(-1)
      .local();
  options.add("world-size", launch.world_size, "number of processes; checked against what the launcher says")
      .at_least(1);
  options.add("backend", launch.backend, "library of the collectives: auto = nccl between GPUs, gloo on CPUs")
      .one_of({"auto", "nccl", "gloo"})
      .addition();
  options
      .add("init-method", launch.init_method,
           "how processes meet, if the launcher does not say it: env://, tcp://HOST:PORT or file:///SHARED/FILE")
      .takes("URL")
      .addition();
  options.add("timeout-init", launch.timeout_init, "seconds in which all processes must have joined")
      .between(1, kWeek)
      .addition();
  options
      .add("timeout-step", launch.timeout_step,
           "seconds that a process waits for the others in a step; in the first one --timeout-init if that is longer")
      .between(1, kWeek)
      .addition();
  options
      .add("share-devices", launch.share_devices, "let several processes work on one GPU, which is otherwise refused")
      .addition();
}

void add_preparation_options(OptionSet& options, PrepareOptions& data) {
  options.add("dataset", data.dataset, "CSV or Parquet file with one description per row").takes("FILE");
  options.add("input-col", data.input_col, "column of the descriptions").takes("COLUMN");
  options.add("language", data.language, "language of all rows").takes("LANGUAGE");
  options.add("language-col", data.language_col, "column of the rows' languages, instead of --language")
      .takes("COLUMN");
  add_code_options(options, {data.target_cols, data.block_size, data.use_within_block_sep});
  options.add("share-val", data.share_val, "share of the rows that is kept for validation").between(0, 1);
  options.add("drop-bad-labels", data.drop_bad_labels,
              "leave out rows whose codes cannot be encoded, instead of stopping at them (bad_rows.csv lists them)");
  options.add(
      "allow-codes-shorter-than-block-size", data.allow_codes_shorter_than_block_size,
      "accept codes with fewer tokens than a block; otherwise they are taken for codes that lost leading zeros");
  options
      .add("overwrite-prepared", data.overwrite_prepared,
           "prepare the data again where files prepared with other settings are in --save-path")
      .addition();
}

void add_augmentation_options(OptionSet& options, AugmentationSettings& augmentation) {
  options.section("Augmentation of training texts");
  options.add("augmentation-prob", augmentation.options.augmentation_prob, "chance that a text is changed at random")
      .between(0, 1)
      .addition();
  options.add("num-transformations", augmentation.options.num_transformations, "changes to each text that was chosen")
      .at_least(0)
      .addition();
  options
      .add("unk-lang-prob", augmentation.options.unknown_language_prob,
           "chance that a row's language is hidden as 'unk'")
      .between(0, 1)
      .addition();
  options
      .add("fn-word-freq", augmentation.word_frequencies,
           "CSV file with columns word and freq for the words that are inserted; otherwise those of the training texts")
      .takes("FILE")
      .addition();
}

void add_model_options(OptionSet& options, ModelSettings& model, TrainOptions& train) {
  options.section("Model");
  options
      .add("encoder", model.encoder,
           "pretrained CANINE encoder: a folder with config.json and weights, or a name on the Hugging Face Hub, whose "
           "files are downloaded unless they are in its local cache")
      .takes("NAME|FOLDER")
      .addition();
  options
      .add("encoder-config", model.encoder_config,
           "start with a random encoder of the shape in this config.json, instead of --encoder")
      .takes("FILE")
      .addition();
  options
      .add(
          "initial-checkpoint", model.initial_checkpoint,
          "model whose weights the training starts from: checkpoint, run folder, Hub folder or Hub name, or the word "
          "occ-canine-v1. A mixer's codes and block size must be those of the data; of other models the parts that fit "
          "are taken")
      .takes("FILE");
  options.add("only-encoder", model.only_encoder, "take only the encoder from --initial-checkpoint");
  options.add("freeze-encoder", train.freeze_encoder, "train decoder and flat head only");
  options.add("max-len", train.max_len, "longest input in characters, with 2 for the marks at both ends")
      .between(4, 16384)
      .addition();
  options
      .add("clean-text", model.clean_text,
           "what is done to texts before the model gets them, in training and wherever the model is used: " +
               TextCleaning::expected_words() +
               "; not given = as in --initial-checkpoint, else quotes (signs ' [ ] off both ends)")
      .takes("STEP")
      .addition();
  options
      .add("padding", train.padding, {{"reference", Padding::kReference}, {"mask", Padding::kMask}},
           "reference: as the Python program, inputs are filled up to --max-len and the decoder sees the filling; "
           "mask: the "
           "filling is hidden and batches are as long as their longest text, which is faster and changes the numbers")
      .addition();
  options
      .add("attention", model.attention, {{"eager", Attention::kEager}, {"sdpa", Attention::kSdpa}},
           "how attention is computed; equal but for rounding")
      .addition();
  options.add("dropout", model.dropout, "dropout of decoder and flat head; the encoder's is in its config.json")
      .from_to_below(0, 1)
      .addition();
  options
      .add("decoder-dim-feedforward", model.decoder_dim_feedforward,
           "width of the decoder's feed-forward layers; 0 or not given = the encoder's width")
      .between(0, kWidest)
      .addition();
}

void add_training_options(OptionSet& options, TrainOptions& train, bool& use_amp) {
  options.section("Training");
  options.add("num-epochs", train.num_epochs, "times that every training row is seen").at_least(0);
  options
      .add("batch-size", train.batch_size,
           "rows at a time: of each process under a launcher, of all processes together where this program starts them")
      .at_least(1);
  options.add("learning-rate", train.learning_rate, "highest rate of AdamW, reached after the warm-up").at_least(0);
  options.add("warmup-pct", train.warmup_pct, "share of all steps in which the rate rises from 0; 0.05 = 5 %")
      .between(0, 1);
  options.add("warmup-steps", train.warmup_steps, "steps in which the rate rises, instead of --warmup-pct")
      .at_least(0)
      .addition();
  options.add("seq2seq-weight", train.seq2seq_weight, "weight w of the loss: w times decoder + (1 - w) times flat head")
      .between(0, 1);
  options.add("weight-decay", train.weight_decay, "decoupled weight decay of AdamW").at_least(0).addition();
  options.add("clip-norm", train.clip_norm, "largest norm of all gradients together; 0 = any").at_least(0).addition();
  add_precision_option(options, train.precision);
  options.add("use-amp", use_amp, "on a GPU the same as --precision fp16, on a CPU without effect");
  options.add("seed", train.seed, "of first weights, shuffling, dropout and augmentation").at_least(0).addition();
  options
      .add("max-nonfinite-steps", train.max_nonfinite_steps,
           "updates left out in a row, because loss or gradients were not finite, after which the run stops")
      .at_least(1)
      .addition();
}

void add_interval_options(OptionSet& options, TrainOptions& train, WandbSettings& wandb) {
  options.add("save-interval", train.save_interval, "steps between checkpoints").at_least(1);
  options.add("save-each-epoch", train.save_each_epoch, "checkpoints at the ends of epochs instead").addition();
  options.add("keep-last", train.keep_last, "newest checkpoints to keep; 0 = all").at_least(0).addition();
  options.add("keep-best", train.keep_best, "also keep the checkpoint with the best value of this in validation")
      .one_of({"seq_acc", "token_acc", "flat_acc", "val_loss"})
      .addition();
  options.add("log-interval", train.log_interval, "batches between lines about the training").at_least(1);
  options.add("eval-interval", train.eval_interval, "steps between validations").at_least(1);
  options.add("eval-at-start", train.eval_at_start, "also validate before the first step, without a line in logs.csv")
      .addition();
  options.add("log-wandb", wandb.log_wandb, "log to Weights & Biases (not there yet)");
  options.add("wandb-project-name", wandb.project_name, "project for --log-wandb").takes("NAME");
}

void add_machine_options(OptionSet& options, MachineSettings& machine, TrainOptions& train, LoaderSettings& loader) {
  options.section("Machine");
  add_device_options(options, machine);
  options.add("num-workers", train.num_workers, "threads that make batches ahead; 0 = batches are made when needed")
      .between(0, 4096);
  options.add("prefetch-factor", loader.prefetch_factor, "batches that each worker makes ahead; not given = 4")
      .at_least(1);
  options.add("pin-memory", loader.pin_memory, "batches in page-locked memory; always so with a GPU");
  options.add("persistent-workers", loader.persistent_workers, "keep workers between epochs; always so");
}

void add_launch_options(OptionSet& options, LaunchSettings& launch, TrainOptions& train) {
  options.section("Several processes");
  add_process_options(options, launch);
  options
      .add("global-batch-size", train.global_batch_size,
           "rows of one update over all processes and accumulated batches, instead of --batch-size")
      .at_least(1)
      .addition();
  options.add("grad-accum-steps", train.grad_accum_steps, "batches of each process whose gradients make one update")
      .at_least(1)
      .environment("ACCELERATE_GRADIENT_ACCUMULATION_STEPS")
      .addition();
  options
      .add("lr-scale", train.lr_scale,
           {{"none", LrScale::kNone}, {"sqrt", LrScale::kSqrt}, {"linear", LrScale::kLinear}},
           "how --learning-rate grows with the rows of an update")
      .addition();
  options
      .add(
          "lr-ref-batch", train.lr_ref_batch,
          "rows for which --learning-rate was chosen; not given = under a launcher those of one process, so linear is "
          "rate x processes; with --global-batch-size, and where this program starts its processes, those of the whole "
          "batch, so the rate stays")
      .at_least(1)
      .addition();
  options
      .add("eval-batch-size", train.eval_batch_size,
           "rows of a validation batch, whatever the number of processes; 0 = --batch-size as given")
      .at_least(0)
      .addition();
  options
      .add(
          "loss-scope", train.loss_scope, {{"process", LossScope::kProcess}, {"global", LossScope::kGlobal}},
          "rows over which the sequence loss counts its blocks: each process's, as in the Python program, or all of an "
          "update's, which makes the loss independent of the number of processes")
      .addition();
  options
      .add("grad-compression", train.ddp.compression,
           {{"none", GradientCompression::kNone},
            {"fp16", GradientCompression::kFp16},
            {"bf16", GradientCompression::kBf16}},
           "what is sent instead of float32 gradients, which halves the traffic and rounds the averages")
      .addition();
  options.add("check-sync", train.check_sync, "steps between comparisons of all processes' weights; 0 = none")
      .at_least(0)
      .addition();
}

}  // namespace canine
