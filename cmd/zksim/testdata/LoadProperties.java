import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/**
 * Prints properties.txt with what Java's Properties.load makes of each file in it:
 * java LoadProperties.java properties.txt
 */
class LoadProperties {
    public static void main(String[] args) throws Exception {
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            if (line.startsWith("file ")) {
                System.out.println(line);
                load(unquote(line.substring("file ".length())));
            } else if (line.startsWith("#") || line.isEmpty()) {
                System.out.println(line);
            }
        }
    }

    static void load(byte[] file) throws Exception {
        Properties properties = new Properties();
        try {
            properties.load(new ByteArrayInputStream(file));
        } catch (IllegalArgumentException e) {
            System.out.println("\terror");
            return;
        }
        Map<Object, Object> sorted = new TreeMap<>(properties);
        sorted.forEach((key, value) -> System.out.println("\t" + quote(key) + " " + quote(value)));
    }

    static byte[] unquote(String quoted) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 1; i < quoted.length() - 1; i++) {
            char c = quoted.charAt(i);
            if (c == '\\') {
                c = quoted.charAt(++i);
                switch (c) {
                    case 'n': c = '\n'; break;
                    case 'r': c = '\r'; break;
                    case 't': c = '\t'; break;
                    case 'f': c = '\f'; break;
                    case 'x': c = (char) Integer.parseInt(quoted.substring(i + 1, i + 3), 16); i += 2; break;
                    default: break;
                }
            }
            out.write(c);
        }
        return out.toByteArray();
    }

    static String quote(Object text) {
        StringBuilder b = new StringBuilder("\"");
        text.toString().codePoints().forEach(c -> {
            if (c == '"' || c == '\\') {
                b.append('\\').append((char) c);
            } else if (c >= ' ' && c < 127) {
                b.append((char) c);
            } else if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
                b.append("\\ufffd");
            } else {
                b.append(String.format(c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
            }
        });
        return b.append('"').toString();
    }
}
