/* evenkeel: the command line. Finds the verb, parses, runs it, prints its error, exits.
 *
 * This is the only room that prints and exits; everything below returns an ek_status.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "study/study.h"

#define RUN_OPTIONS "@study @data @recipe dry_run json csv "

static const ek_verb verbs[] = {
    {"check", "what the model, the data and the recipe are; trains nothing", "[FILE]", 0, 1,
     RUN_OPTIONS "jobs threads",
     "evenkeel check --model DIR --train-file reviews.csv\n"
     "evenkeel check --model DIR --task rte --data glue --recipe devlin,stable",
     "Shows columns, labels and their counts, the majority baseline, token lengths, how much is "
     "cut\n"
     "or unknown, duplicates between training and validation, steps, memory and time.",
     ek_cmd_check},
    {"train", "one run; -o DIR keeps the model", "", 0, 0, RUN_OPTIONS "threads output force run",
     "evenkeel train --model DIR --train-file reviews.csv -o my-model\n"
     "evenkeel train --model DIR --task rte --data glue --recipe stable --seed 3\n"
     "evenkeel train --run my-study:best -o my-model\n"
     "evenkeel train --model bert --task mlm --train-file wiki.txt -o my-bert",
     "The model is kept in Hugging Face's layout beside store.db. --run STUDY:RUN makes the model "
     "of\n"
     "a run of a study again, bit for bit, and checks its hash; RUN is a number, GROUP/SEED, best "
     "or\n"
     "median. --task mlm continues pre-training on plain text and keeps a BertForMaskedLM; it "
     "reports\n"
     "perplexity on --validation-file, or on the last --validation-frac of the lines.",
     ek_cmd_train},
    {"study", "many runs: recipes x settings x seeds, and their table", "[FILE]", 0, 1,
     RUN_OPTIONS "jobs threads output fail_if",
     "evenkeel study --model DIR --train-file reviews.csv --recipe devlin,stable --seeds 1..10 -o "
     "s\n"
     "evenkeel study rte.yaml -o rte\n"
     "evenkeel study rte.yaml -o rte --seeds 1..25      # adds seeds; finished runs stay\n"
     "evenkeel study rte.yaml -o rte-50 --seeds 1..50 --stop-doomed 1..10",
     "Interrupt it whenever you like: the same command continues. More seeds or recipes extend "
     "the\n"
     "study; changed values are refused with a diff.",
     ek_cmd_study},
    {"status", "what a study is doing", "DIR", 1, 1, "watch json csv fail_if",
     "evenkeel status my-study\n"
     "evenkeel status my-study --watch          # also from another machine, over ssh\n"
     "evenkeel status my-study --json | jq .progress",
     "Runs done, failed, running and queued, the time left, the step, loss and score of every run "
     "at\n"
     "work, then the table and the scores so far as a strip plot. --watch draws it again every "
     "two\n"
     "seconds until nobody is at work on the study; in a file or pipe it writes a line now and "
     "then, "
     "and\n"
     "the table at the end. It only reads: watch as often as you like, Ctrl-C does not touch the "
     "study.",
     ek_cmd_status},
    {"metrics", "every logged number of a study or a run", "DIR", 1, 1, "name json csv",
     "evenkeel metrics my-study --name 'eval_*' --csv\nevenkeel metrics my-study --name train_loss",
     "Long form: run,group,recipe,seed,step,name,value. Non-finite values are written nan, inf, "
     "-inf.",
     ek_cmd_metrics},
    {"report", "a study as one page: claim, table, figures, every run, how to repeat it", "DIR", 1,
     1, "output format include_text pdf",
     "evenkeel report my-study                 # my-study/report/index.html\n"
     "evenkeel report my-study --include-text  # with the texts of disputed examples\n"
     "evenkeel report my-study --format md\n"
     "evenkeel report my-study --format latex -o table.tex",
     "The page is one file that needs no network, and a function of the study: the same one "
     "gives\n"
     "the same bytes. Figures are drawn by gnuplot where it is installed, and lie beside the page "
     "with\n"
     "their data. -o names another folder (html) or a file (md, latex, csv, json).",
     ek_cmd_report},
    {"compare", "two groups: effects with intervals, tests, a verdict", "DIR [A B]", 1, 3,
     "csv json fail_if column baseline",
     "evenkeel compare my-study devlin stable\n"
     "evenkeel compare --csv before.csv after.csv --json\n"
     "evenkeel compare my-study devlin stable --fail-if 'b.failed_frac > 0.1 or b.mean < a.mean'",
     "B against A. Without names the study must have two groups. --csv A.csv B.csv compares two\n"
     "columns of numbers (or .tsv, .jsonl): a bare column, a column 'score', or --column; columns\n"
     "'outcome' or 'failed', and 'seed' for pairs, are used where they are.",
     ek_cmd_compare},
    {"explain", "why runs failed: evidence, likely cause, the smallest change", "DIR", 1, 1,
     "runs json",
     "evenkeel explain my-study                 # every failed run, then the study\n"
     "evenkeel explain my-study --runs 3,7      # these runs, failed or not\n"
     "evenkeel explain my-study --json | jq '.runs[] | {run, cause}'",
     "Reads the store and trains nothing. Answers, losses, gradients, clipping and rates of each "
     "failed\n"
     "run are held against those of successful runs; a cause is named only where two of them "
     "agree, and\n"
     "'not clear' is an answer. Studies made with --log-gradients say more. Rules: "
     "docs/explain.md.",
     ek_cmd_explain},
    {"plan", "how many seeds a comparison needs, from a pilot", "DIR [A [B]]", 1, 3,
     "csv json column baseline target power",
     "evenkeel plan my-study devlin stable\n"
     "evenkeel plan my-study devlin stable --target sd --power 0.9\n"
     "evenkeel plan --csv before.csv after.csv\n"
     "evenkeel plan my-study stable                     # one group: how wide its intervals will "
     "be",
     "The runs that are there are the pilot: more are drawn from them, with replacement, and "
     "tested.\n"
     "So the effect is the pilot's own, and a pilot of few runs is right only by luck. --csv "
     "reads\n"
     "columns of numbers as compare does.",
     ek_cmd_plan},
    {"export", "a study in the formats of other people's tools", "FORMAT DIR", 2, 2, "output force",
     "evenkeel export tensorboard my-study -o board && tensorboard --logdir board\n"
     "evenkeel export csv my-study -o tables\n"
     "evenkeel export jsonl my-study -o lines && python3 scripts/wandb_import.py lines\n"
     "evenkeel export mlflow my-study -o out && cd out && mlflow ui --backend-store-uri ./mlruns",
     "FORMAT: tensorboard (a run a seed, and mean, min, max, SD over seeds), csv, jsonl, mlflow "
     "(its file\n"
     "store). A folder that is not empty is refused without --force; --force writes into it and "
     "removes\n"
     "nothing.",
     ek_cmd_export},
    {"eval", "a model on labelled text", "", 0, 0,
     "model task data validation_file text_column pair_column label_column metric max_seq_length "
     "truncation segment_ids batch_size precision input threads json mask_seed dump_masks",
     "evenkeel eval --model my-model --task rte --data glue --json\n"
     "evenkeel eval --model my-model --input held-out.csv\n"
     "evenkeel eval --model bert --task mlm --input wiki.txt --mask-seed 1",
     "--task mlm reads plain text and tells the perplexity of masked-language modelling: blocks "
     "of\n"
     "--max-seq-length tokens, 15 % of them masked by --mask-seed, the same ones for every model "
     "with\n"
     "the same tokenizer.",
     ek_cmd_eval},
    {"predict", "a model on unlabelled text, one JSON line a text", "", 0, 0,
     "model text_column pair_column max_seq_length truncation segment_ids batch_size precision "
     "input threads",
     "evenkeel predict --model my-model --input new.csv > predictions.jsonl\n"
     "echo '{\"text\": \"a fine film\"}' | evenkeel predict --model my-model",
     "Writes {\"label\": .., \"logits\": [..], \"probs\": [..]} in the order of the input.",
     ek_cmd_predict},
    {"probe", "why runs differ: gradients, forgetting, the loss surface, drift", "WHAT [DIR]", 1, 2,
     "runs learn_from input mlm_model mask_seed points range examples dump_examples jobs json csv "
     "output "
     "recipe learning_rate num_train_epochs max_steps train_examples batch_size "
     "gradient_accumulation_steps lr_scheduler lr_power lr_end warmup_ratio warmup_steps "
     "adam_beta1 adam_beta2 bias_correction",
     "evenkeel probe gradients my-study --csv > norms.csv\n"
     "evenkeel probe forgetting my-study --input wiki.test.raw --mlm-model bert\n"
     "evenkeel probe surface my-study --runs 3,7 --points 40\n"
     "evenkeel probe drift my-study --runs 1..10\n"
     "evenkeel probe doomed my-study --learn-from 1..10\n"
     "evenkeel probe factor --recipe devlin,stable -o figures\n"
     "evenkeel report my-study                 # draws what probes have found",
     "Weights that a probe needs are made again, bit for bit, and kept in DIR/models. WHAT:\n"
     "  gradients   norms by layer and kind of tensor along the run, failed runs against "
     "successful\n"
     "  forgetting  perplexity of masked-language modelling on --input, plain text, with the top "
     "k\n"
     "              layers replaced by pre-trained ones, k = 0 .. L\n"
     "  surface     loss and gradient norm on the plane through the pre-trained, a failed and a\n"
     "              successful model, and the barrier between the two\n"
     "  drift       distance of weights from the pre-trained ones by layer, and linear CKA "
     "between runs\n"
     "  factor      Adam's bias correction as a factor on the rate of recipes, and the control "
     "that has\n"
     "              its smaller rate without its shape; needs no study, -o draws it. --max-steps\n"
     "              updates [468], or the recipes' epochs over --train-examples N\n"
     "  doomed      a rule that tells failed runs by their first 15 %, its precision and recall "
     "by\n"
     "              cross-validation over seeds, and what --stop-doomed would have saved\n"
     "What was found is written into DIR/probe. Interrupted, a surface goes on where it was.",
     ek_cmd_probe},
    {"verify", "rerun one seed of a study and compare the hash of its weights", "DIR", 1, 1,
     "run threads json", "evenkeel verify my-study\nevenkeel verify my-study --run stable/3",
     "Exit code 0: the same bits; 1: different.", ek_cmd_verify},
    {"bench", "how fast this machine is, and what share of that is reached", "", 0, 0,
     "@study @data @recipe threads section shape steps json csv",
     "evenkeel bench --shape minilm\n"
     "evenkeel bench --section machine,gemm --csv > gemm.csv\n"
     "evenkeel bench --model DIR --task rte --data glue      # a step of your own run",
     "Peaks of this machine (multiply-add units, memory), matrix products, the other kernels, and "
     "whole\n"
     "training steps of models with random weights; with --model the steps of a run on your data, "
     "and\n"
     "the tokeniser. Results are checked against plain C before they are timed. Shares count the "
     "work\n"
     "that is done, not work that is skipped.",
     ek_cmd_bench},
    {"tokenize", "text to token ids, JSON lines in and out", "", 0, 0,
     "model input max_seq_length truncation plain_text",
     "echo '{\"text\": \"Hello\", \"text_pair\": \"world\"}' | evenkeel tokenize --model DIR",
     "Reads {\"text\": .., \"text_pair\": ..} and writes {\"input_ids\": [..], \"token_type_ids\": "
     "[..]}.",
     ek_cmd_tokenize},
    {"info", "what the checkpoint and tokenizer loaders see", "[MODEL]", 0, 1, "model json",
     "evenkeel info DIR\nevenkeel info DIR --json", "", ek_cmd_info},
    {"help", "this list, or the help of a verb", "[VERB]", 0, 1, "", "evenkeel help study", "",
     ek_cmd_help},
    {"man", "the manual page, as roff", "", 0, 0, "", "evenkeel man | man -l -", "", ek_cmd_man},
    {"completions", "shell completions", "SHELL", 1, 1, "",
     "evenkeel completions bash > ~/.local/share/bash-completion/completions/evenkeel", "",
     ek_cmd_completions},
};

const ek_verb *ek_verb_table(size_t *count)
{
    *count = sizeof verbs / sizeof *verbs;
    return verbs;
}

const ek_verb *ek_verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

ek_status ek_cli_print(const ek_buf *text, ek_error *err)
{
    EK_TRY(ek_buf_status(text, err));
    ek_progress_clear();
    if (fwrite(ek_buf_text(text), 1, text->length, stdout) != text->length || fflush(stdout) != 0) {
        return ek_error_set(err, EK_E_IO, "cannot write the result: %s", strerror(errno));
    }
    return EK_OK;
}

/* The first signal asks for an orderly end, the second Ctrl-C does not wait for it. */
static void on_signal(int number)
{
    if (ek_study_interrupted() && number == SIGINT) {
        _exit(130);
    }
    ek_study_interrupt();
}

static void install_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

static ek_status unknown_verb(const char *name, ek_error *err)
{
    enum { COUNT = sizeof verbs / sizeof *verbs };
    const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = verbs[i].name;
    }
    const char *near = ek_nearest(name, names, COUNT);
    return ek_error_set(err, EK_E_USAGE, "unknown verb '%.40s'%s%s%s; see 'evenkeel help'", name,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static ek_status print_text(void (*write)(ek_buf *out), ek_error *err)
{
    ek_buf out = {0};
    write(&out);
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cmd_man(ek_cli *cli, ek_error *err)
{
    (void)cli;
    return print_text(ek_help_man, err);
}

ek_status ek_cmd_completions(ek_cli *cli, ek_error *err)
{
    ek_buf out = {0};
    ek_status status = ek_help_completions(cli->arguments[0], &out, err);
    if (status == EK_OK) {
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    return status;
}

static ek_status print_verb_help(const ek_verb *verb, ek_error *err)
{
    ek_buf out = {0};
    ek_help_verb(verb, &out);
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cmd_help(ek_cli *cli, ek_error *err)
{
    if (cli->argument_count == 0) {
        return print_text(ek_help_program, err);
    }
    const ek_verb *verb = ek_verb_find(cli->arguments[0]);
    return verb ? print_verb_help(verb, err) : unknown_verb(cli->arguments[0], err);
}

static ek_status run_verb(const char *name, int argc, char **argv, ek_error *err)
{
    const ek_verb *verb = ek_verb_find(name);
    ek_cli cli;
    if (!verb) {
        return unknown_verb(name, err);
    }
    ek_status status = ek_cli_parse(&cli, verb, argc, argv, err);
    if (status == EK_OK && cli.help) {
        status = print_verb_help(verb, err);
    } else if (status == EK_OK) {
        ek_progress_start(cli.quiet, cli.verbose);
        status = verb->run(&cli, err);
    }
    ek_progress_clear();
    ek_cli_free(&cli);
    return status;
}

/* Threads that wait must soon sleep: when another process has one of the cores, a barrier that
 * spins costs a time slice. A short spin (some 20 us) spares an idle machine most of the waking
 * (docs/performance.md, "Threads that wait"). OpenMP reads this once, at load, so the program
 * starts itself again with it; where that fails it goes on as it is. */
static void wait_briefly(char **argv)
{
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 0) == 0 &&
        setenv("GOMP_SPINCOUNT", "2000", 0) == 0) {
        execv("/proc/self/exe", argv);
    }
}

int main(int argc, char **argv)
{
    wait_briefly(argv);
    prctl(PR_SET_NAME, "evenkeel"); /* started again from /proc it would be called "exe" */
    ek_error err = {0};
    ek_status status;
    install_signals();
    if (argc < 2) {
        ek_buf out = {0};
        ek_help_program(&out);
        fputs(ek_buf_text(&out), stderr);
        ek_buf_deinit(&out);
        return ek_status_exit_code(EK_E_USAGE);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        status = print_text(ek_help_version, &err);
    } else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        status = print_text(ek_help_program, &err);
    } else {
        status = run_verb(argv[1], argc - 2, argv + 2, &err);
    }
    if (status != EK_OK) {
        fprintf(stderr, "evenkeel: %s\n", err.message[0] ? err.message : ek_status_text(status));
    }
    return ek_status_exit_code(status);
}
