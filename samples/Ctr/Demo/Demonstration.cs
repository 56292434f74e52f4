using System.Diagnostics;
using System.Globalization;
using Containerd;
using Containerd.Execution;
using Containerd.Images;
using Containerd.Network;

namespace Ctr.Demo;

/// <summary>The way from an image to a running container and back to a clean machine, one step after the other, each with its time.</summary>
/// <remarks>
/// Everything has a name that follows from the state directory, so that a demo that was killed half way is cleared up by the next one; a lock that ends with the
/// process keeps two demos from each other.
/// </remarks>
internal sealed class Demonstration(Func<Suite> open)
{
    // Of an image from elsewhere nothing is known but that it may have a shell; our own is held to reach the host through its cable.
    private const string ForeignScript = "cat /etc/os-release 2>/dev/null; id; echo links: $(ls /sys/class/net)";
    private const string OwnScript = "cat /etc/motd && id && echo links: $(ls /sys/class/net) && ip -4 addr show eth0 && ping -c 1 -w 5 10.77.0.1";

    private static readonly InterfaceAddress HostAddress = InterfaceAddress.Parse("10.77.0.1/30");
    private static readonly InterfaceAddress ContainerAddress = InterfaceAddress.Parse("10.77.0.2/30");

    private const string RemovedSuffix = ".removed";

    private int _step;

    public async Task<int> RunAsync(ImageReference? reference, bool plainHttp, CancellationToken cancellationToken)
    {
        Suite suite = open();
        string id = $"demo-{Digest.Sha256(System.Text.Encoding.UTF8.GetBytes(suite.State)).Hex[..6]}";
        Directory.CreateDirectory(suite.State);
        using FileStream held = Lock(suite.State);

        await StepAsync("Clearing up what a demo that was killed has left", () => ClearAsync(suite, id));
        MachineState before = MachineState.Take(id, suite.Root);

        // The demo goes on to its closing check also when it fails, and fails all the same.
        try
        {
            await RunContainerAsync(suite, id, reference, plainHttp, cancellationToken);
        }
        finally
        {
            await StepAsync("Removing everything", async () =>
            {
                await ClearAsync(suite, id);
                await suite.DisposeAsync();
                Remove(suite.Root, "images", "snapshots");
            });
        }

        IReadOnlyList<string> left = await StepAsync("Looking for anything that is left", () =>
            Task.FromResult<IReadOnlyList<string>>([.. MachineState.Take(id, suite.Root).Since(before).Where(thing => IsOurs(thing, suite, id))]));
        Remove(suite.State, "containers", "busybox.tar", "lock");
        if (left.Count > 0)
        {
            Console.Error.WriteLine($"Left behind:\n  {string.Join("\n  ", left)}");
            return CommandExtensions.Failed;
        }
        Console.WriteLine($"   nothing is left: no {string.Join(", no ", before.Kinds)}");
        Console.WriteLine($"   ({NetworkNamespace.DefaultDirectory}, where namespaces get their names, stays the shared mount point that ip netns makes of it too)");
        return 0;
    }

    private async Task RunContainerAsync(Suite suite, string id, ImageReference? reference, bool plainHttp, CancellationToken ct)
    {
        Image image;
        if (reference is null)
        {
            string archive = Path.Join(suite.State, "busybox.tar");
            await StepAsync("Making an image of this machine's busybox", () => Task.Run(() => BusyboxImage.Write(archive), ct));
            image = await StepAsync("Importing it", async () =>
            {
                await using FileStream stream = File.OpenRead(archive);
                IReadOnlyList<ImageRecord> images = await suite.Images.ImportAsync(stream, cancellationToken: ct);
                return await suite.Images.GetAsync(images[0].Name, cancellationToken: ct);
            });
        }
        else
        {
            if (plainHttp)
                suite.UsePlainHttp(reference.Registry);
            image = await StepAsync($"Pulling {reference}", () => suite.Images.PullAsync(reference, cancellationToken: ct));
        }
        Console.WriteLine($"   {image.Name} {image.Manifest.Digest}, {image.Layers.Count} layers");

        string parent = await StepAsync("Unpacking its layers", () => suite.Images.UnpackAsync(image, suite.Snapshotter, suite.Applier, cancellationToken: ct));
        IReadOnlyList<Mount> rootfs = await StepAsync("Preparing a writable snapshot on top", () => suite.Snapshotter.PrepareAsync(id, parent, cancellationToken: ct));
        foreach (Mount mount in rootfs)
            Console.WriteLine($"   mount {mount}");

        NetworkNamespace network = await StepAsync("Making a network namespace with a veth pair", () => ConnectAsync(suite, id, ct));
        await using (network)
        {
            Container container = await StepAsync("Making the container", () => suite.Containers.CreateAsync(
                id,
                rootfs,
                spec => spec.WithImageConfig(image.Config).WithArgs("/bin/sh", "-c", reference is null ? OwnScript : ForeignScript).WithHostname("demo").WithNetworkNamespace(network.Path),
                new ContainerOptions { Stdio = ContainerStdio.OutputPipes },
                ct));
            await using (container)
            {
                CapturedOutput ran = await StepAsync("Running it", () => container.RunAndCaptureAsync(cancellationToken: ct));
                foreach (string line in (ran.StandardOutput + ran.StandardError).TrimEnd().Split('\n'))
                    Console.WriteLine($"   | {line}");
                Console.WriteLine($"   exit code {ran.Exit.Code?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}");
                if (!ran.Exit.IsSuccess)
                    throw new ContainerdException(ErrorKind.Unknown, $"The demo's container ended with code {ran.Exit.Code}.") { Subject = id };
            }
        }
    }

    /// <summary>A namespace of its own; the host's end and the container's end of the cable have the addresses that the host gives them.</summary>
    private static async Task<NetworkNamespace> ConnectAsync(Suite suite, string id, CancellationToken ct)
    {
        NetworkNamespace network = await NetworkNamespace.CreateAsync(id, ct);
        try
        {
            await suite.Links.CreateVethAsync(new VethPair(id) { PeerNamespace = network, PeerName = "eth0" }, ct);
            await suite.Addresses.AddAsync(id, HostAddress, cancellationToken: ct);
            await using var inside = new RouteNetlinkClient(network);
            await inside.Addresses.AddAsync("eth0", ContainerAddress, cancellationToken: ct);
            await inside.Links.SetUpAsync("eth0", ct);
            await inside.Routes.AddAsync(Route.DefaultVia(HostAddress.Address), ct);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    private static async Task ClearAsync(Suite suite, string id)
    {
        DeleteRemoved(suite.Root);
        await suite.Containers.CleanupAsync();
        await suite.Links.DeleteAsync(id);
        await NetworkNamespace.DeleteAsync(id);
        if (!Directory.Exists(suite.Root))
            return;
        if (await suite.Snapshotter.FindAsync(id) is not null)
            await suite.Snapshotter.RemoveAsync(id);
        await foreach (ImageRecord image in suite.Images.ListAsync())
            await suite.Images.RemoveAsync(image.Name);
        await suite.Snapshotter.CleanupAsync();
    }

    private static bool IsOurs(string thing, Suite suite, string id) =>
        ((string[])[id["demo-".Length..], suite.Root, suite.State]).Any(mark => thing.Contains(mark, StringComparison.Ordinal));

    private static FileStream Lock(string directory)
    {
        try
        {
            return new FileStream(Path.Join(directory, "lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException inUse)
        {
            throw new ContainerdException(ErrorKind.Unavailable, $"Another demo runs over '{directory}': let it end first.", inUse) { Subject = directory };
        }
    }

    /// <summary>Removes what the demo made in a directory, and the directory where nothing else is in it.</summary>
    private static void Remove(string directory, params ReadOnlySpan<string> made)
    {
        if (!Directory.Exists(directory))
            return;
        foreach (string name in made)
        {
            string path = Path.Join(directory, name);
            // Out of the way first: half a store, where this is killed, is one that cannot be opened.
            if (Directory.Exists(path))
                Directory.Move(path, path + RemovedSuffix);
            else
                File.Delete(path);
        }
        DeleteRemoved(directory);
        if (!Directory.EnumerateFileSystemEntries(directory).Any())
            Directory.Delete(directory);
    }

    private static void DeleteRemoved(string directory)
    {
        if (!Directory.Exists(directory))
            return;
        foreach (string removed in Directory.EnumerateDirectories(directory, "*" + RemovedSuffix))
            Directory.Delete(removed, recursive: true);
    }

    private Task<bool> StepAsync(string what, Func<Task> step) => StepAsync(what, async () =>
    {
        await step();
        return true;
    });

    private async Task<T> StepAsync<T>(string what, Func<Task<T>> step)
    {
        Console.WriteLine($"{++_step}. {what}");
        long started = Stopwatch.GetTimestamp();
        T result = await step();
        Console.WriteLine($"   {Stopwatch.GetElapsedTime(started).TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture)} ms");
        return result;
    }
}
