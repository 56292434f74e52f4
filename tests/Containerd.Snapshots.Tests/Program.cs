using System.Globalization;

namespace Containerd.Snapshots;

/// <summary>The process that a test starts beside itself: <c>kill ROOT STEP VERB</c> or <c>race ROOT SEED COUNT</c>, or <c>mount …</c>.</summary>
public static class Program
{
    public static async Task<int> Main(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        switch (args)
        {
            case ["kill", string root, string step, string verb]:
                await KillAsync(root, Enum.Parse<StoreStep>(step), verb);
                return 1; // it should not have come here
            case ["race", string root, string seed, string count]:
                await StoreRace.RunAsync(root, int.Parse(seed, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["mount", .. string[] rest]:
                return MountChild.Run(rest);
            default:
                await Console.Error.WriteLineAsync("This assembly is run by its tests.");
                return 2;
        }
    }

    private static async Task KillAsync(string root, StoreStep fatal, string verb)
    {
        var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = root, CleansInBackground = false })
        {
            Reached = step =>
            {
                if (step == fatal)
                    System.Diagnostics.Process.GetCurrentProcess().Kill(); // SIGKILL
            },
        };
        switch (verb)
        {
            case "prepare":
                await snapshotter.PrepareAsync("victim", "base");
                break;
            case "commit":
                IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync("victim", "base");
                if (OverlayMount.TryParse(mounts[0], out OverlayMount? overlay))
                    await File.WriteAllTextAsync(Path.Join(overlay.UpperDirectory, "file"), "victim");
                await snapshotter.CommitAsync("committed", "victim", new() { DiffId = Digest.Sha256("layer"u8), IsIndependentOfParent = true });
                break;
            case "adopt":
                await snapshotter.AdoptAsync("committed", "base", Digest.Sha256("layer"u8));
                break;
            case "remove":
                await snapshotter.RemoveAsync("removable");
                break;
            case "cleanup":
                await snapshotter.RemoveAsync("removable");
                await snapshotter.CleanupAsync();
                break;
            default:
                throw new ArgumentException(verb, nameof(verb));
        }
    }
}
