/**
 * `bench ir FILE[#EXPORT]`: what an engine makes of a function on the way to its gradient, each stage as text. A file that holds a
 * model needs no arguments: its loss is shown at its first size.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { BenchError } from "../core/base/errors.ts";
import { openDevice, readyDevice } from "../core/device/registry.ts";
import { scope } from "../core/tensor/scope.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import type { Engine, Program, Stage, Tree } from "../engines/engine.ts";
import { showDot } from "../engines/picture/dot.ts";
import { showPage } from "../engines/picture/page.ts";
import type { Picture } from "../engines/picture/picture.ts";
import { engineByName } from "../engines/registry.ts";
import { loadModel, lossProgram } from "../harness/discover.ts";
import { makeCase } from "../harness/materials.ts";
import { loadProgram } from "../loader/load.ts";
import type { CommandMaker } from "./command.ts";
import { addCommonOptions, type CommonOptions, chosenDevices, chosenEngines, oneDType, parseInteger, refusePeers } from "./options.ts";
import { differentiable, parseArguments, parseWrt, splitTarget } from "./target.ts";

const FORMATS = ["text", "dot", "html"] as const;
type Format = (typeof FORMATS)[number];

interface IrOptions extends CommonOptions {
  readonly args?: string;
  readonly wrt?: string;
  readonly size?: string;
  readonly stage?: number;
  readonly format: Format;
}

/** A function with the arguments at which its gradient is shown. */
interface Subject {
  readonly program: Program;
  readonly args: readonly Tree[];
  readonly wrt: readonly number[];
}

export const irCommand: CommandMaker = ({ output }) =>
  addCommonOptions(
    new Command("ir")
      .description("what each engine makes of a function on the way to its gradient, stage by stage")
      .argument("<file[#export]>", "the file and the name of the function in it (f where absent), or the file of a model")
      .option("--args <json>", "array of the arguments; not for a model")
      .option("--wrt <indices>", "arguments to differentiate, as 0,2 (all that are or hold numbers)")
      .option("--size <name>", "size of a model (its first)")
      .option("--stage <n>", "the stage of this number alone", parseInteger)
      .addOption(
        new Option("--format <format>", "text; dot for Graphviz, of stages that are graphs; html, a page to look around in, with times")
          .choices(FORMATS)
          .default("text"),
      ),
  ).action(async (target: string, options: IrOptions) => {
    refusePeers(options.peer);
    const { format } = options;
    if (options.json && format !== "text")
      throw new BenchError("usage", `--json prints text in records, and --format ${format} is no text of stages`, {
        advice: "leave one of them out",
      });
    const engines = chosenEngines(options.engine);
    const [file = "", exportName] = splitTarget(target);
    if (!existsSync(file)) throw new BenchError("usage", `no file ${file}`, { advice: "the program is named by the path of its .ts file" });
    const device = chosenDevices(options.device, "auto")[0] ?? "auto";
    await readyDevice(device);
    useDevice(openDevice(device));
    const pictures: Picture[] = [];
    for (const name of engines) {
      const engine = engineByName(name);
      scope(() => {
        const { program, args, wrt } = subject(resolve(file), exportName, engine, options);
        const stages = chosenStages(name, engine.prepare(program, args, wrt).stages(args), options);
        if (options.json) for (const stage of stages) output.json({ engine: name, title: stage.title, text: stage.text });
        else if (format === "text") output.text(stages.map((stage) => showStage(name, stage)).join("\n"));
        else
          for (const { picture } of stages)
            if (picture !== undefined) pictures.push(titled(engines.length === 1 ? undefined : name, picture(format === "html")));
      });
    }
    if (format === "dot") output.text(`${pictures.map(showDot).join("\n")}\n`);
    if (format === "html") output.text(showPage(target, pictures));
  });

/** The stages that are shown: all, or the one asked for, counted from 1; those with a picture where one is to be drawn. */
function chosenStages(engine: string, all: readonly Stage[], { stage, format }: IrOptions): readonly Stage[] {
  if (stage !== undefined && all[stage - 1] === undefined)
    throw new BenchError("usage", `--stage ${stage}: the ${engine} engine has ${all.length} stages here`, {
      advice: all.map(({ title }, i) => `${i + 1}: ${title}`).join("; "),
    });
  const chosen = stage === undefined ? all : [all[stage - 1] as Stage];
  if (format === "text" || chosen.some(({ picture }) => picture !== undefined)) return chosen;
  const drawn = all.flatMap(({ title, picture }, i) => (picture === undefined ? [] : [`${i + 1}: ${title}`]));
  throw new BenchError("usage", `--format ${format}: what the ${engine} engine shows here is no graph`, {
    advice: drawn.length > 0 ? `stages that are graphs: ${drawn.join("; ")}` : "take --format text",
  });
}

function titled(engine: string | undefined, picture: Picture): Picture {
  return engine === undefined ? picture : { ...picture, title: `${engine}: ${picture.title}` };
}

function subject(file: string, exportName: string | undefined, engine: Engine, options: IrOptions): Subject {
  if (options.args !== undefined) {
    if (options.size !== undefined) throw new BenchError("usage", "--size belongs to a model, which takes no --args");
    const args = parseArguments(options.args);
    return {
      program: loadProgram({ file }, exportName ?? "f"),
      args,
      wrt: options.wrt === undefined ? differentiable(args) : parseWrt(options.wrt, args),
    };
  }
  const model = exportName === undefined ? loadModel(file, engine.intrinsics) : null;
  if (model === null)
    throw new BenchError("usage", "give the arguments with --args", {
      advice: "an array with one entry per argument, as in --args '[1, 2]'",
    });
  const name = options.size ?? (Object.keys(model.sizes)[0] as string);
  const size = model.sizes[name];
  if (size === undefined)
    throw new BenchError("usage", `${model.name} has no size ${name}`, { advice: `its sizes are ${Object.keys(model.sizes).join(", ")}` });
  const { params, batch } = makeCase(model, size, options.seed, oneDType(options.dtype, "f32"));
  return { program: lossProgram(file), args: [params, batch] as Tree[], wrt: [0] };
}

function showStage(engine: string, { title, text }: Stage): string {
  return `── ${engine}: ${title}\n\n${text}\n`;
}
