using System.Globalization;
using Containerd.Snapshots;

namespace Containerd.Benchmarks;

/// <summary>An xfs in a file of the workspace, with a file to share in it.</summary>
internal sealed class ReflinkFileSystem : IAsyncDisposable
{
    private const long Size = 16L << 30; // so that a large file has room in one piece, while its copies have not
    private const int Copies = 20;

    private static readonly FileTreeCopier Copier = new();

    private readonly string _directory;
    private readonly string _mount;
    private int _count;

    private ReflinkFileSystem(string directory) => (_directory, _mount) = (directory, Directory.CreateDirectory(Path.Join(directory, "mnt")).FullName);

    public static async Task<ReflinkFileSystem> MountAsync(Bench bench, CancellationToken cancellationToken)
    {
        var fileSystem = new ReflinkFileSystem(bench.Workspace.NewDirectory("xfs"));
        try
        {
            string image = Path.Join(fileSystem._directory, "image");
            await using (FileStream file = File.Create(image))
                file.SetLength(Size);
            await Tool.RunAsync("mkfs.xfs", ["-q", "-m", "reflink=1", image], cancellationToken);
            await Tool.RunAsync("mount", ["-o", "loop", image, fileSystem._mount], cancellationToken);
            return fileSystem;
        }
        catch
        {
            await fileSystem.DisposeAsync();
            throw;
        }
    }

    /// <summary>Our copies of a tree with one file, one after the other.</summary>
    public Side Copy(string name, int bytes) => Of(name, bytes, (source, target, token) => Copier.CopyAsync(source, target, cancellationToken: token));

    /// <summary>The same by a process for each.</summary>
    public Side Cp(string name, int bytes) => Of(name, bytes, (source, target, token) => Tool.RunAsync("cp", ["-a", "--reflink=always", source, target], token));

    public async ValueTask DisposeAsync() => await Workspace.RemoveAsync(_directory);

    private Side Of(string name, int bytes, Func<string, string, CancellationToken, Task> copy)
    {
        string source = "", targets = "";
        return new Side(name)
        {
            SetUp = async token =>
            {
                source = NewDirectory();
                targets = NewDirectory();
                await Tool.RunAsync("dd", ["if=/dev/zero", $"of={source}/file", "bs=1M", $"count={bytes >> 20}", "conv=fsync", "status=none"], token);
            },
            Run = async token =>
            {
                for (int i = 0; i < Copies; i++)
                    await copy(source, Path.Join(targets, i.ToString(CultureInfo.InvariantCulture)), token);
            },
            Verify = _ =>
            {
                string[] files = Directory.GetFiles(targets, "file", SearchOption.AllDirectories);
                // Of large ones that is more than there is room for: only sharing can have made them.
                if (files.Length != Copies || files.Any(file => new FileInfo(file).Length != bytes))
                    throw new InvalidOperationException($"{name} made {files.Length} copies of {Copies}, or not whole ones.");
                return Task.CompletedTask;
            },
            CleanUp = async () =>
            {
                await Workspace.RemoveAsync(source);
                await Workspace.RemoveAsync(targets);
            },
        };
    }

    private string NewDirectory() => Directory.CreateDirectory(Path.Join(_mount, (_count++).ToString(CultureInfo.InvariantCulture))).FullName;
}
