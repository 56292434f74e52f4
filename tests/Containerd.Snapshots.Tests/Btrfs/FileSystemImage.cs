using System.Diagnostics;

namespace Containerd.Snapshots;

/// <summary>A file system of some type, in an image file that is mounted by a loop device, or a tmpfs; it goes when disposed.</summary>
internal sealed class FileSystemImage : IDisposable
{
    private const long Bytes = 2L << 30; // sparse

    private static readonly LinuxMounter Mounter = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("image-").FullName;

    private FileSystemImage()
    {
    }

    /// <summary>Where it is mounted.</summary>
    public string Path => System.IO.Path.Join(_directory, "mounted");

    private string ImageFile => System.IO.Path.Join(_directory, "image");

    public static FileSystemImage Make(string type)
    {
        var image = new FileSystemImage();
        try
        {
            // Other users have to get as far as what is in it.
            File.SetUnixFileMode(image._directory, (UnixFileMode)0x1ED); // 0755
            Directory.CreateDirectory(image.Path);
            if (type == "tmpfs")
            {
                Mounter.Mount([new Mount { Type = type, Source = type, Options = ["mode=0755"] }], image.Path);
                return image;
            }
            string file = image.ImageFile;
            using (FileStream content = File.Create(file))
                content.SetLength(Bytes);
            using (Process mkfs = Process.Start(new ProcessStartInfo($"mkfs.{type}", ["-q", file]) { RedirectStandardOutput = true, RedirectStandardError = true })!)
            {
                string error = mkfs.StandardOutput.ReadToEnd() + mkfs.StandardError.ReadToEnd();
                mkfs.WaitForExit();
                Assert.That(mkfs.ExitCode, Is.Zero, error);
            }
            image.StartAgain(type);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <summary>Has an XFS stop as if the machine had lost power: what was not flushed is lost, and every call fails.</summary>
    public void StopFileSystem()
    {
        using Process shutdown = Process.Start(new ProcessStartInfo("xfs_io", ["-x", "-c", "shutdown", Path]) { RedirectStandardError = true })!;
        string error = shutdown.StandardError.ReadToEnd();
        shutdown.WaitForExit();
        Assert.That(shutdown.ExitCode, Is.Zero, error);
    }

    /// <summary>Mounts it again, as a machine does that starts.</summary>
    public void StartAgain(string type = "xfs")
    {
        Mounter.Unmount(Path);
        Mounter.Mount([new Mount { Type = type, Source = ImageFile, Options = ["loop"] }], Path);
    }

    public void Dispose()
    {
        Mounter.Unmount(Path, UnmountOptions.Recursive | UnmountOptions.Lazy);
        Directory.Delete(_directory, recursive: true);
    }
}
