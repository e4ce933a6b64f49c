#include "canine/app/flag_meanings.hpp"

namespace canine {
namespace {

constexpr std::string_view kGoesOn = "no flag is needed: the same command goes on in the folder of a run";
constexpr std::string_view kGpus = "numbers of GPUs such as 0,1, or auto, or cpu";
constexpr std::string_view kProcesses = "one process for each, such as 0,1 or cpu:2; a launcher makes processes too";

constexpr std::string_view kSeparator =
    "no flag is needed: the end of its name says the separator, tabs for .tsv, else commas; write files with others "
    "anew with commas";
constexpr std::string_view kEncoding =
    "no flag is needed: files are UTF-8; others become so by iconv -f LATIN1 -t UTF-8 OLD > NEW";

const std::vector<std::string_view> kSeparatorWords = {"sep",   "separator", "delimiter",
                                                       "delim", "fieldsep",  "fieldseparator"};
const std::vector<std::string_view> kEncodingWords = {"encoding", "charset", "codepage", "fileencoding",
                                                      "inputencoding"};

/// The words for what is said of files to be read, with the flag of these files, one of which most programs have.
/// Where there are two it is the first.
void add_input_meanings(std::vector<FlagMeaning>& meanings, const std::vector<std::string_view>& words,
                        std::string_view remark) {
  for (const char* flag : {"dataset", "train-data", "fn-in", "val-data", "mapping"}) {
    meanings.push_back({words, {{flag, "", remark, true}}});
  }
}

std::vector<FlagMeaning> data_meanings() {
  std::vector<FlagMeaning> meanings = {
      {{"input",    "in",        "i",         "data",   "file",      "csv",         "inputfile",
        "infile",   "inputdata", "datafile",  "filein", "fnin",      "source",      "dataset",
        "datapath", "trainfile", "traindata", "train",  "trainpath", "trainingdata"},
       {{"dataset"}, {"train-data"}, {"fn-in"}, {"val-data"}, {"IN"}, {"FILE"}, {"FOLDER"}}},
      {{"valdata", "valfile", "validation", "validationfile", "validationdata", "val", "evaldata", "evalfile",
        "testdata", "testfile", "test", "devdata"},
       {{"val-data"}, {"fn-in"}, {"share-val", "", "validation rows are taken out of --dataset", true}}},
      {{"valsplit", "validationsplit", "testsize", "valsize", "valratio", "sharevalidation", "valshare"},
       {{"share-val"}, {"val-data"}}},
      {{"inputcol", "textcol", "textcolumn", "inputcolumn", "text", "textfield", "descriptioncol", "column", "col",
        "sourcecolumn"},
       {{"input-col"}, {"col"}}},
      {{"labels", "label", "labelcol", "labelcols", "labelcolumn", "targetcol", "targetcolumn", "targetcolumns",
        "targets", "target", "codecol", "codecols", "codes"},
       {{"target-cols"}}},
      {{"lang", "langcol", "languagecolumn", "langcolumn"}, {{"language-col"}, {"language"}}},
      {{"keep", "keepcolumns", "idcol", "idcolumn", "id", "idcols"}, {{"keep-cols"}}},
      {{"key", "labelmap", "map", "mappingfile", "keyfile", "classes", "id2label", "vocab"}, {{"mapping"}}},
      {{"desc", "description", "codedescriptions", "labelnames"}, {{"descriptions"}}},
      {{"tokenspercode", "codelength", "codelen", "digits", "blocklen", "blocklength"}, {{"block-size"}}},
      {{"withinblocksep", "blocksep"}, {{"use-within-block-sep"}}},
      {{"system", "scheme", "classification"}, {{"formatter"}}},
      {{"maxlength", "maxseqlength", "maxseqlen", "seqlen", "seqlength", "maxinputlength", "maxtokens"}, {{"max-len"}}},
      {{"wordfreq", "wordfrequencies", "words"}, {{"fn-word-freq"}}},
  };
  add_input_meanings(meanings, kSeparatorWords, kSeparator);
  add_input_meanings(meanings, kEncodingWords, kEncoding);
  return meanings;
}

std::vector<FlagMeaning> output_meanings() {
  return {
      {{"output",     "out",      "o",          "outputdir",  "outdir",         "outputfolder",
        "savedir",    "savepath", "savefolder", "save",       "dest",           "outputpath",
        "outputfile", "outfile",  "fileout",    "fnout",      "results",        "resultsdir",
        "rundir",     "workdir",  "logdir",     "loggingdir", "defaultrootdir", "checkpointdir",
        "ckptdir",    "outpath",  "saveto",     "predictions"},
       {{"save-path"}, {"save-dir"}, {"fn-out"}, {"out"}, {"OUT"}}},
      {{"metrics", "metricsfile", "report", "stats"}, {{"summary"}}},
      {{"overwrite", "force", "clobber", "overwriteoutputdir", "replace"},
       {{"overwrite"}, {"overwrite-prepared", "", "prepares the data again; a new run needs another folder"}}},
      {{"resume", "resumefrom", "resumefromcheckpoint", "continue", "resumetraining", "ckptpath", "restart"},
       {{"resume"}, {"save-path", "", kGoesOn}, {"save-dir", "", kGoesOn}}},
      {{"quiet", "q", "silent", "noverbose"}, {{"non-verbose"}}},
      {{"format", "type", "outputformat"}, {{"to"}}},
      {{"dryrun", "fastdevrun", "debug", "smoketest", "sanitycheck", "testrun"}, {{"dry-run"}}},
      {{"prepare", "onlyprepare", "preprocessonly"}, {{"prepare-only"}}},
      {{"savesteps", "saveevery", "saveeverynsteps", "everyntrainsteps", "checkpointevery", "savefreq",
        "checkpointinterval", "checkpointfreq"},
       {{"save-interval"}, {"checkpoint-interval"}}},
      {{"savestrategy", "saveepoch", "saveeveryepoch"}, {{"save-each-epoch"}}},
      {{"savetotallimit", "savetopk", "maxcheckpoints", "keepcheckpoints", "keep"}, {{"keep-last"}}},
      {{"loadbestmodelatend", "savebest", "best", "metricforbestmodel", "monitor"}, {{"keep-best", "seq_acc"}}},
      {{"evalsteps", "evalevery", "valcheckinterval", "valevery", "evalfreq", "valinterval", "evaluationinterval"},
       {{"eval-interval"}}},
      {{"loggingsteps", "logevery", "logeverynsteps", "logfreq", "printfreq", "logsteps"}, {{"log-interval"}}},
      {{"wandb", "usewandb", "reportto", "wandbproject", "tensorboard", "mlflow", "logger"},
       {{"log-wandb"},
        {"save-path", "", "logs.csv in that folder has the figures of all validations"},
        {"save-dir", "", "logs.csv in that folder has the figures of all validations"},
        {"summary"}}},
  };
}

std::vector<FlagMeaning> model_meanings() {
  return {
      {{"model", "modelpath", "modelnameorpath", "modelname", "modeldir", "pretrained", "pretrainedmodel", "basemodel"},
       {{"model"},
        {"checkpoint"},
        {"encoder", "", "a pretrained encoder"},
        {"initial-checkpoint", "", "a trained model whose weights the training starts from"},
        {"IN"},
        {"FILE"},
        {"FOLDER"}}},
      {{"checkpoint", "ckpt", "weights", "loadcheckpoint", "load", "loadfrom", "init", "initcheckpoint",
        "initialcheckpoint", "initialweights", "startfrom", "finetunefrom", "modelfile", "run"},
       {{"model"}, {"checkpoint"}, {"initial-checkpoint"}, {"IN"}, {"FILE"}, {"FOLDER"}}},
      {{"encoderpath", "encodername", "backbone", "tokenizer", "tokenizername"}, {{"encoder"}}},
      {{"configfile", "modelconfig", "configname"}, {{"config"}, {"encoder-config"}}},
      {{"freeze", "freezebackbone", "frozen"}, {{"freeze-encoder"}}},
      {{"encoder", "onlyencoder", "encoderonly"}, {{"only-encoder"}, {"encoder-only"}}},
      {{"dropoutrate", "dropoutprob", "hiddendropoutprob", "dropoutp"}, {{"dropout"}}},
      {{"dff", "ffndim", "dimfeedforward", "feedforwarddim"}, {{"decoder-dim-feedforward"}}},
      {{"thr", "cutoff", "minprob", "minconf", "confidence", "confthreshold", "probthreshold"}, {{"threshold"}}},
      {{"topn", "k", "npredictions", "numpredictions", "numreturnsequences", "kpred"}, {{"top-k"}}},
      {{"behavior", "behaviour", "predictiontype", "decoding", "strategy"}, {{"mode"}}},
      {{"fast"}, {{"mode", "flat"}}},
      {{"good"}, {{"mode", "greedy"}}},
      {{"full", "fullsearch"}, {{"mode", "full"}}},
  };
}

std::vector<FlagMeaning> training_meanings() {
  return {
      {{"epochs", "epoch", "e", "nepochs", "numtrainepochs", "maxepochs", "trainepochs", "nepoch"}, {{"num-epochs"}}},
      {{"lr", "learnrate", "rate", "eta", "maxlr", "peaklr", "baselr"}, {{"learning-rate"}}},
      {{"bs", "b", "batch", "batchsize", "trainbatchsize", "perdevicetrainbatchsize", "perdevicebatchsize",
        "pergputrainbatchsize", "minibatchsize", "batchrows"},
       {{"batch-size"}}},
      {{"evalbs", "evalbatchsize", "perdeviceevalbatchsize", "valbatchsize", "testbatchsize"},
       {{"eval-batch-size"}, {"batch-size"}}},
      {{"effectivebatchsize", "totalbatchsize", "globalbatch"}, {{"global-batch-size"}}},
      {{"warmup", "warmupratio", "warmupproportion", "warmupfraction", "warmupshare"}, {{"warmup-pct", "0.05"}}},
      {{"numwarmupsteps", "nwarmupsteps", "warmupiters"}, {{"warmup-steps"}}},
      {{"wd", "decay", "l2", "adamweightdecay"}, {{"weight-decay"}}},
      {{"clip", "gradclip", "maxgradnorm", "gradientclipval", "clipgrad", "clipgradnorm", "gradnormclip"},
       {{"clip-norm"}}},
      {{"accum", "accumsteps", "gradaccum", "gradientaccumulationsteps", "accumulategradbatches", "accumulationsteps"},
       {{"grad-accum-steps"}}},
      {{"fp16", "half", "float16", "mixedprecision", "autocast"}, {{"precision", "fp16"}}},
      {{"amp", "useamp"}, {{"use-amp"}, {"precision", "fp16"}}},
      {{"bf16", "bfloat16"}, {{"precision", "bf16"}}},
      {{"tf32", "allowtf32"}, {{"precision", "tf32"}}},
      {{"fp32", "float32"}, {{"precision", "fp32"}}},
      {{"dtype", "torchdtype"}, {{"precision"}}},
      {{"seedeverything", "randomseed", "manualseed", "randomstate", "rngseed", "s"}, {{"seed"}}},
      {{"augment", "augmentation", "augprob", "augmentprob"}, {{"augmentation-prob"}}},
      {{"s2sweight", "seqweight", "lossweight", "alpha"}, {{"seq2seq-weight"}}},
  };
}

std::vector<FlagMeaning> machine_meanings() {
  return {
      {{"threads", "nthreads", "numthread", "cpus", "ncpus", "numcpus", "ompnumthreads", "njobs", "t"},
       {{"num-threads"}}},
      {{"workers", "nworkers", "numworker", "dataloadernumworkers", "dataloaderworkers", "loaders", "numproc", "j",
        "preprocessingnumworkers"},
       {{"num-workers"}, {"num-threads"}}},
      {{"gpus", "gpu", "gpuids", "gpuid", "device", "cuda", "cudavisibledevices", "accelerator", "numgpus", "ngpus",
        "ngpu"},
       {{"devices", "", kGpus}}},
      {{"cpu", "nocuda", "usecpu", "cpuonly", "nogpu"}, {{"devices", "cpu"}}},
      {{"nproc", "nprocpernode", "np", "numprocesses", "processes", "procs", "multigpu", "ddp"},
       {{"devices", "", kProcesses}}},
      {{"masteraddr", "masterport", "rdzvendpoint", "disturl", "nnodes", "numnodes", "noderank", "numhosts"},
       {{"init-method", "", "launchers such as torchrun and srun say it by themselves"}}},
      {{"distbackend", "ddpbackend"}, {{"backend"}}},
      {{"timeout", "ddptimeout"}, {{"timeout-step"}, {"timeout-init"}}},
      {{"prefetch"}, {{"prefetch-factor"}}},
      {{"cudnndeterministic", "deterministicalgorithms"}, {{"deterministic"}}},
  };
}

}  // namespace

const std::vector<FlagMeaning>& flag_meanings() {
  static const std::vector<FlagMeaning> all = [] {
    std::vector<FlagMeaning> meanings;
    for (const auto& part :
         {data_meanings(), output_meanings(), model_meanings(), training_meanings(), machine_meanings()}) {
      meanings.insert(meanings.end(), part.begin(), part.end());
    }
    return meanings;
  }();
  return all;
}

}  // namespace canine
