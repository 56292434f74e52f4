using System.Text.Json.Nodes;

namespace Containerd.Conformance;

/// <summary>A bundle for a conformance test: a root file system with nothing but a static busybox, and a small <c>config.json</c>. Disposing deletes it.</summary>
public sealed class OciBundle : IDisposable
{
    private static readonly string[] Applets = ["sh", "sleep", "cat", "echo", "true", "false", "id", "env", "kill", "head", "dd", "wc", "grep", "mkdir", "ls", "touch", "stat", "readlink", "pwd", "printf"];

    private OciBundle(string path) => Path = path;

    /// <summary>The bundle's directory.</summary>
    public string Path { get; }

    /// <summary>Where a static busybox is found; null where there is none.</summary>
    public static string? Busybox => new[] { "/usr/bin/busybox", "/bin/busybox" }.FirstOrDefault(File.Exists);

    /// <summary>Makes a bundle.</summary>
    /// <param name="args">What its process runs.</param>
    public static OciBundle Create(params string[] args)
    {
        var bundle = new OciBundle(Directory.CreateTempSubdirectory("oci-bundle-").FullName);
        CreateRootfs(System.IO.Path.Join(bundle.Path, "rootfs"));
        bundle.WriteConfig(args);
        return bundle;
    }

    /// <summary>Fills a directory with a root file system that can run a shell.</summary>
    /// <param name="directory">The directory; made where it is missing.</param>
    public static void CreateRootfs(string directory)
    {
        foreach (string name in new[] { "bin", "dev", "etc", "proc", "run", "sys", "tmp" })
            Directory.CreateDirectory(System.IO.Path.Join(directory, name));
        File.Copy(Busybox ?? throw new InvalidOperationException("There is no busybox."), System.IO.Path.Join(directory, "bin/busybox"));
        foreach (string applet in Applets)
            File.CreateSymbolicLink(System.IO.Path.Join(directory, "bin", applet), "busybox");
    }

    /// <summary>Writes a <c>config.json</c> with namespaces for processes, mounts, IPC and host name.</summary>
    /// <param name="args">What its process runs.</param>
    public void WriteConfig(params string[] args)
    {
        var config = new JsonObject
        {
            ["ociVersion"] = "1.0.2",
            ["root"] = new JsonObject { ["path"] = "rootfs" },
            ["process"] = Process(args),
            ["mounts"] = new JsonArray(
                new JsonObject { ["destination"] = "/proc", ["type"] = "proc", ["source"] = "proc" },
                new JsonObject { ["destination"] = "/dev", ["type"] = "tmpfs", ["source"] = "tmpfs", ["options"] = Strings("nosuid", "mode=755") }),
            ["linux"] = new JsonObject
            {
                ["cgroupsPath"] = $"/{System.IO.Path.GetFileName(Path)}",
                ["namespaces"] = new JsonArray([.. new[] { "pid", "mount", "ipc", "uts" }.Select(type => new JsonObject { ["type"] = type })]),
            },
        };
        File.WriteAllText(System.IO.Path.Join(Path, "config.json"), config.ToJsonString());
    }

    /// <summary>Writes a <c>process</c> object for an exec.</summary>
    /// <param name="args">What it runs.</param>
    /// <returns>The file.</returns>
    public string WriteProcess(params string[] args)
    {
        string path = System.IO.Path.Join(Path, $"process-{Guid.NewGuid():N}.json");
        File.WriteAllText(path, Process(args).ToJsonString());
        return path;
    }

    /// <summary>Deletes the bundle.</summary>
    public void Dispose()
    {
        Directory.Delete(Path, recursive: true);
    }

    private static JsonObject Process(string[] args) => new()
    {
        ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 },
        ["args"] = Strings(args),
        ["env"] = Strings("PATH=/bin"),
        ["cwd"] = "/",
    };

    private static JsonArray Strings(params string[] strings) => new([.. strings.Select(s => JsonValue.Create(s))]);
}
