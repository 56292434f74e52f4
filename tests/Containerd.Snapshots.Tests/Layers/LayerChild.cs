using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Containerd.Snapshots.Tests;

/// <summary>
/// What another process does with layers: <c>swap TREE OUTSIDE</c> until it is killed, <c>apply FORM TREE FILE</c>, <c>measure TREE FILE</c>,
/// <c>share TREE FILE</c>, <c>diff TREE FILE</c>, or <c>copy FROM TO</c>.
/// </summary>
public static partial class LayerChild
{
    private const int SwapsPerReport = 1_000;

    public static Process Start(params string[] arguments) => Start("dotnet", [typeof(LayerChild).Assembly.Location, "layer", .. arguments]);

    /// <summary>Starts it as root of a user namespace of its own, which knows no other owner.</summary>
    public static Process StartInUserNamespace(params string[] arguments) =>
        Start("unshare", ["--user", "--map-root-user", "dotnet", typeof(LayerChild).Assembly.Location, "layer", .. arguments]);

    /// <summary>Starts it with a umask of its own, in octal digits.</summary>
    public static Process StartWithUmask(string umask, params string[] arguments) =>
        Start("bash", ["-c", $"umask {umask}; exec \"$@\"", "bash", "dotnet", typeof(LayerChild).Assembly.Location, "layer", .. arguments]);

    /// <summary>Starts it as root without the right to write what a mode forbids.</summary>
    public static Process StartUnderModes(params string[] arguments) =>
        Start("setpriv", ["--inh-caps=-dac_override", "--bounding-set=-dac_override", "dotnet", typeof(LayerChild).Assembly.Location, "layer", .. arguments]);

    /// <summary>Starts it with one thread in its pool.</summary>
    public static Process StartWithOneThread(params string[] arguments) =>
        Start("env", ["DOTNET_ThreadPool_ForceMaxWorkerThreads=1", "dotnet", typeof(LayerChild).Assembly.Location, "layer", .. arguments]);

    public static async Task<int> RunAsync(string[] args)
    {
        switch (args)
        {
            case ["swap", string tree, string outside]:
                Swap(tree, outside);
                return 0;
            case ["apply", string form, string tree, string file]:
                await ApplyAsync(form, tree, file);
                return 0;
            case ["measure", string tree, string file]:
                await MeasureAsync(tree, file);
                return 0;
            case ["share", string tree, string file]:
                await ShareAsync(tree, file);
                return 0;
            case ["diff", string tree, string file]:
                await DiffAsync(tree, file);
                return 0;
            case ["copy", string from, string to]:
                await new FileTreeCopier().CopyAsync(from, to);
                return 0;
            default:
                return 2;
        }
    }

    private static Process Start(string program, IEnumerable<string> arguments) => Process.Start(new ProcessStartInfo(program, arguments)
    {
        RedirectStandardError = true,
        RedirectStandardOutput = true,
        Environment = { ["DOTNET_TieredPGO"] = "0" },
    })!;

    // Two places at once: a directory at the top and one below are exchanged with links, in one step each, so that each name is always there.
    private static void Swap(string tree, string outside)
    {
        (string Directory, string Link, string Target)[] places =
        [
            (Path.Join(tree, "d"), Path.Join(tree, "link"), outside),
            (Path.Join(tree, "e/sub"), Path.Join(tree, "e/link"), "../../outside/sub"),
        ];
        int aside = 0;
        for (int swaps = 0; ;)
        {
            foreach ((string directory, string link, string target) in places)
            {
                if (Exchange(directory, link))
                {
                    if (++swaps % SwapsPerReport == 0)
                        Console.WriteLine(swaps.ToString(CultureInfo.InvariantCulture));
                    if (swaps % 16 != 0)
                        continue;
                }
                // The layer replaced one of the two, or the whole, meanwhile: make another link where none is left.
                if (!IsLink(directory) && !IsLink(link))
                {
                    Rename(link, Path.Join(tree, $"aside{aside++}"));
                    _ = symlink(target, link);
                }
            }
        }
    }

    private static bool IsLink(string path)
    {
        byte target = 0;
        return readlink(path, ref target, 1) > 0;
    }

    private static bool Exchange(string first, string second) => renameat2(-100 /* AT_FDCWD */, first, -100, second, 2 /* RENAME_EXCHANGE */) == 0;

    private static void Rename(string from, string to) => _ = renameat2(-100, from, -100, to, 0);

    private static async Task ApplyAsync(string form, string tree, string file)
    {
        var log = new ListLogger();
        Mount mount = form == "bind" ? Mount.Bind(tree) : Overlay(tree);
        await using FileStream layer = File.OpenRead(file);
        try
        {
            LayerApplyResult result = await new TarLayerApplier(loggerFactory: log).ApplyAsync(Descriptor(layer), layer, [mount]);
            Console.WriteLine($"applied {result.Entries} {result.DependsOnBase}");
        }
        catch (ContainerdException e)
        {
            Console.WriteLine($"{e.Kind} {e.Message}");
        }
        foreach ((int id, _, string message) in log.Entries.Where(entry => entry.Id < 3104))
            Console.WriteLine($"{id} {message}");
    }

    private static async Task DiffAsync(string tree, string file)
    {
        await using FileStream layer = File.Create(file);
        await new TarLayerDiffer().DiffAsync([Mount.Bind(Path.Join(tree, "lower"))], [Overlay(tree)], layer, new LayerDiffOptions { MediaType = MediaTypes.OciLayer });
    }

    // Of the form that root of a user namespace can mount.
    private static Mount Overlay(string tree) => new OverlayMount
    {
        LowerDirectories = [Path.Join(tree, "lower")],
        UpperDirectory = Path.Join(tree, "upper"),
        WorkDirectory = Path.Join(tree, "work"),
        Options = ["userxattr"],
    }.ToMount();

    private static async Task MeasureAsync(string tree, string file)
    {
        await ApplyAsync("bind", tree, file);
        GC.Collect();
        long idle = Memory("VmRSS:");
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak is now; proc(5)
        await ApplyAsync("bind", tree, file);
        Console.WriteLine((Memory("VmHWM:") - idle).ToString(CultureInfo.InvariantCulture));
    }

    // How often the only thread of the pool had time for something else.
    private static async Task ShareAsync(string tree, string file)
    {
        byte[] layer = await File.ReadAllBytesAsync(file);
        var descriptor = new Descriptor { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256("a layer"u8), Size = layer.Length };
        Task applying = new TarLayerApplier(new TarLayerApplierOptions { Processors = 1 }).ApplyAsync(descriptor, new MemoryStream(layer), [Mount.Bind(tree)]);
        int turns = 0;
        while (!applying.IsCompleted)
        {
            using var turn = new ManualResetEventSlim();
            ThreadPool.QueueUserWorkItem(_ => turn.Set());
            turn.Wait();
            turns++;
        }
        await applying;
        Console.WriteLine(turns.ToString(CultureInfo.InvariantCulture));
    }

    private static long Memory(string field) =>
        long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith(field, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;

    private static Descriptor Descriptor(FileStream layer) => new() { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256("a layer"u8), Size = layer.Length };

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat2(int fromDirectory, string from, int toDirectory, string to, uint flags);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int symlink(string target, string path);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint readlink(string path, ref byte buffer, nuint size);
}
