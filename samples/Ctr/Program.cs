using System.CommandLine;
using Ctr;
using Ctr.Commands;

var root = new RootCommand("Images, snapshots, containers and networks in one process, without a daemon.");
foreach (Option option in GlobalOptions.All)
    root.Add(option);
root.Add(PullCommand.Create());
root.Add(ImportCommand.Create());
root.Add(ImagesCommand.Create());
root.Add(ContentCommand.Create());
root.Add(SnapshotsCommand.Create());
root.Add(RunCommand.Create());
root.Add(PsCommand.Create());
root.Add(CleanupCommand.Create());
root.Add(DemoCommand.Create());
return await root.Parse(RunCommand.KeepArguments(root, args)).InvokeAsync();
