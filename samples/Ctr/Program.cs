using System.CommandLine;
using Ctr;
using Ctr.Commands;

var root = new RootCommand("Images, snapshots, containers and networks in one process, without a daemon.");
foreach (Option option in GlobalOptions.All)
    root.Add(option);
root.Add(SnapshotStore.AddOptionsTo(PullCommand.Create()));
root.Add(SnapshotStore.AddOptionsTo(ImportCommand.Create()));
root.Add(ImagesCommand.Create());
root.Add(ContentCommand.Create());
root.Add(SnapshotStore.AddReadOnlyTo(SnapshotStore.AddOptionsTo(SnapshotsCommand.Create())));
root.Add(SnapshotStore.AddOptionsTo(LayerCommand.Create()));
root.Add(CopyCommand.Create());
root.Add(MountCommand.Create());
root.Add(UmountCommand.Create());
root.Add(SnapshotStore.AddOptionsTo(RunCommand.Create()));
root.Add(PsCommand.Create());
root.Add(SnapshotStore.AddOptionsTo(CleanupCommand.Create()));
root.Add(DemoCommand.Create());
return await root.Parse(RunCommand.KeepArguments(root, args)).InvokeAsync();
