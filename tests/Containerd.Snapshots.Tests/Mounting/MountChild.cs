using System.Diagnostics;
using System.Runtime.Versioning;

namespace Containerd.Snapshots;

/// <summary>What another process does with a mounter: <c>hold DIRECTORY SOURCE</c> until it is killed, or <c>restrict SOURCE TARGET API</c>, <c>map TARGET LIMIT</c>,
/// <c>unmount TARGET</c>, or <c>namespaces MARK</c> without an end.</summary>
[UnsupportedOSPlatform("windows")]
internal static class MountChild
{
    public static int Run(string[] args)
    {
        switch (args)
        {
            case ["hold", string directory, string source]:
                var mounter = new LinuxMounter(new() { TemporaryDirectory = directory }) { Limits = new() { AttachesTrees = true } };
                var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs" };
                using (mounter.MountDetached([Mount.Bind(source), tmpfs with { Target = "inner" }]))
                {
                    Console.WriteLine("held");
                    Console.ReadLine();
                }
                return 0;
            case ["restrict", string bound, string target, string api]:
                new LinuxMounter(new() { Api = Enum.Parse<MountApi>(api), TemporaryDirectory = target + ".temporary" }).Mount([new Mount { Type = "bind", Source = bound, Options = ["bind", "ro"] }], target);
                Console.WriteLine(File.ReadLines("/proc/self/mountinfo").Last(line => line.Split(' ')[4] == target).Split(' ')[5]);
                return 0;
            case ["unmount", string mounted]:
                try
                {
                    new LinuxMounter().Unmount(mounted);
                }
                catch (ContainerdException e)
                {
                    Console.WriteLine($"{e.Kind} {e.Message}");
                }
                return 0;
            case ["probe", string disk]:
                foreach (SnapshotterSupport support in SnapshotterChoice.Probe(disk))
                    Console.WriteLine($"{support.Name} {support.IsSupported} {support.Reason}");
                return 0;
            case ["without", string disk]:
                try
                {
                    OverlayEnvironment.Probe(new LinuxMounter(), Directory.CreateDirectory(Path.Join(disk, "probe")).FullName, ["index=off"]);
                }
                catch (ContainerdException e)
                {
                    Console.WriteLine(e.Message);
                }
                return 0;
            case ["replace", string disk]:
                using (var snapshotter = new OverlaySnapshotter(Path.Join(disk, "root")))
                {
                    Directory.CreateDirectory(Path.Join(snapshotter.PrepareAsync("key").GetAwaiter().GetResult()[0].Source, "directory/inner"));
                    snapshotter.CommitAsync("layer", "key").GetAwaiter().GetResult();
                    using IDetachedMount tree = new LinuxMounter().MountDetached(snapshotter.PrepareAsync("work", "layer").GetAwaiter().GetResult());
                    Directory.Delete(Path.Join(tree.Path, "directory"), recursive: true);
                    Directory.CreateDirectory(Path.Join(tree.Path, "directory"));
                    Console.WriteLine(Directory.Exists(Path.Join(tree.Path, "directory/inner")) ? "shown" : "replaced");
                }
                return 0;
            case ["namespaces", string _]:
                Console.WriteLine("begun");
                var map = new IdMap([new(0, 1, 1)], [new(0, 1, 1)]);
                Parallel.For(0, int.MaxValue, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ => IdMapNamespace.Open(Mount.Bind("/"), map).Dispose());
                return 0;
            case ["map", string target, string limit]:
                File.WriteAllText("/proc/sys/user/max_user_namespaces", limit);
                var own = new LinuxMounter(new() { TemporaryDirectory = target });
                using (IDetachedMount tree = own.MountDetached([new Mount { Type = "tmpfs", Source = "tmpfs" }]))
                {
                    File.WriteAllText(Path.Join(tree.Path, "file"), "");
                    try
                    {
                        own.Mount([new Mount { Type = "bind", Source = tree.Path, Options = ["bind", "uidmap=5:0:1", "gidmap=5:0:1"] }], target);
                    }
                    catch (ContainerdException e)
                    {
                        Console.WriteLine($"{e.Kind} {e.Message}");
                        return 0;
                    }
                    using Process stat = Process.Start("stat", ["-c", "%u %g", Path.Join(target, "file")]);
                    stat.WaitForExit();
                }
                return 0;
            default:
                return 2;
        }
    }
}
