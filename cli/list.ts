/** `bench list`: the models with their sizes, and the engines, devices and peers with what each offers. */
import { relative } from "node:path";
import { Command } from "commander";
import { describeDevices } from "../core/device/registry.ts";
import { engines } from "../engines/registry.ts";
import { discoverModels, type FoundModel } from "../harness/discover.ts";
import { findPeers } from "../harness/peers.ts";
import { projectRoot } from "../harness/root.ts";
import type { CommandMaker } from "./command.ts";
import { describeError, EXIT, errorRecord } from "./failure.ts";
import { columns } from "./output.ts";

export const listCommand: CommandMaker = ({ output, finish }) =>
  new Command("list")
    .description("models, engines, devices and peers, and what each offers")
    .option("--json", "JSON Lines on stdout")
    .action(({ json }: { json?: boolean }) => {
      const { models, broken } = discoverModels();
      const peers = findPeers();
      if (json) {
        for (const found of models) output.json({ model: describeModel(found) });
        for (const { name, features } of engines) output.json({ engine: { name, features: [...features] } });
        for (const device of describeDevices()) output.json({ device });
        for (const peer of peers) output.json({ peer });
        for (const { file, error } of broken) output.json(errorRecord(error, file));
      } else {
        output.text(`models\n${columns(models.map(modelRow))}`);
        output.text(`engines\n${columns(engines.map(({ name, features }) => [name, [...features].join(", ")]))}`);
        output.text(
          `devices\n${columns(describeDevices().map(({ name, available, detail }) => [name, available ? "here" : "not here", detail]))}`,
        );
        output.text(`peers\n${columns(peers.map(({ name, paradigm, version, how }) => [name, paradigm, version ?? `not here: ${how}`]))}`);
        for (const { file, error } of broken) output.say(`${file} could not be loaded: ${describeError(error)}`);
      }
      if (broken.length > 0) finish(EXIT.checkFailed);
    });

function describeModel({ suite, file, model }: FoundModel): Record<string, unknown> {
  return {
    suite,
    name: model.name,
    summary: model.summary,
    sizes: model.sizes,
    quick: model.quick ?? Object.keys(model.sizes).slice(0, 1),
    dtypes: model.dtypes ?? ["f32"],
    handwritten: model.handwritten !== undefined,
    file,
  };
}

function modelRow({ suite, file, model }: FoundModel): string[] {
  const sizes = Object.keys(model.sizes).join(", ");
  return [
    model.name,
    suite,
    sizes,
    (model.dtypes ?? ["f32"]).join(", "),
    model.handwritten ? "hand-written" : "",
    model.summary,
    relative(projectRoot, file),
  ];
}
