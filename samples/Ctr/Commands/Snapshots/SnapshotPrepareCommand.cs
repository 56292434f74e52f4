using System.CommandLine;
using Containerd;

namespace Ctr.Commands;

/// <summary><c>prepare</c> and <c>view</c>, which differ in what they make.</summary>
internal static class SnapshotPrepareCommand
{
    private delegate Task<IReadOnlyList<Mount>> Make(string key, string? parent, SnapshotOptions? options, CancellationToken cancellationToken);

    private static readonly Argument<string> Key = new("KEY") { Description = "The key to give it." };
    private static readonly Argument<string?> Parent = new("PARENT") { Description = "The committed snapshot to start from. Default: an empty tree.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<string[]> Labels = LabelArguments.Option();
    private static readonly Option<string?> Target = new("--mount") { Description = "Mounts it on a directory, instead of printing how.", HelpName = "TARGET" };

    public static Command CreatePrepare() =>
        Create("prepare", "Makes a writable snapshot, and prints the mounts that give access to it.", suite => suite.Snapshotter.PrepareAsync);

    public static Command CreateView() =>
        Create("view", "Makes a read-only view of a snapshot, and prints the mounts that give access to it.", suite => suite.Snapshotter.ViewAsync);

    private static Command Create(string name, string description, Func<Suite, Make> make) =>
        new Command(name, description) { Key, Parent, Labels, Target, MountDisplay.Json }
        .Does(async (suite, parse, cancellationToken) =>
        {
            string key = parse.GetRequiredValue(Key);
            var options = new SnapshotOptions { Labels = LabelArguments.Parse(parse.GetValue(Labels)) };
            IReadOnlyList<Mount> mounts = await make(suite)(key, parse.GetValue(Parent), options, cancellationToken);
            if (parse.GetValue(Target) is not { } target)
            {
                MountDisplay.Print(parse, mounts);
                return;
            }
            try
            {
                suite.Mounter.Mount(mounts, target);
            }
            catch
            {
                // Both or neither: else the same command could not be given again.
                await suite.Snapshotter.RemoveAsync(key, CancellationToken.None);
                throw;
            }
        });
}
